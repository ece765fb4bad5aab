use crate::guard::{FOREIGN, assert_guarded};
use crate::http::Request;
use crate::program::Program;

const INVOKE: &str = "/2015-03-31/functions/Echo/invocations";

#[test]
fn foreign_requests_run_no_function_through_the_invoke_api() {
    let program = Program::start_lambda();
    let address = program.address("Lambda");
    for headers in FOREIGN {
        let response = Request::post(INVOKE, "{}").headers(headers).send(address);
        assert_eq!(response.status(), 403, "{headers:?}: {response:?}");
        // The form of Lambda's own errors, which an SDK shows.
        assert_eq!(
            response.header("x-amzn-errortype"),
            Some("AccessDeniedException")
        );
        assert!(!response.body().contains("--allow-origin"), "{response:?}");
    }
    assert!(!program.function_ran());
    assert_guarded(address, &Request::post(INVOKE, "{}"));
    assert!(program.function_ran());
}
