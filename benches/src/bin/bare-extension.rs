//! A peer: an extension made with the `lambda-extension` crate. It only registers and waits
//! for events.

use lambda_extension::{Error, LambdaEvent, NextEvent, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let ignore = service_fn(|event: LambdaEvent| async move {
        if matches!(event.next, NextEvent::Shutdown(_)) {
            std::process::exit(0);
        }
        Ok::<_, Error>(())
    });
    lambda_extension::run(ignore).await
}
