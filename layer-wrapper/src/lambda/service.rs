use std::fmt::Debug;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::task::{Context, Poll};

use lambda_runtime::{LambdaEvent, LambdaInvocation};
use tower_service::Service;

use super::config::Config;
use super::future::Traced;
use super::scope::Scope;
use crate::context::catch_unwind_in;

/// A handler within [`XRayLayer`](super::XRayLayer).
///
/// It is a service wherever the runtime takes one: around a handler of events, around a
/// handler of `lambda_http`'s requests, and as a layer of `lambda_runtime::Runtime` itself.
/// In the last place it also times the sending of the response, but never sees the
/// handler's error, which the runtime has then already reported. Where two of them enclose
/// each other the inner one stands down.
#[derive(Debug, Clone)]
pub struct XRayService<S> {
    inner: S,
    config: Arc<Config>,
}

impl<S> XRayService<S> {
    pub(super) const fn new(inner: S, config: Arc<Config>) -> Self {
        Self { inner, config }
    }

    fn traced<R>(&mut self, scope: Option<Scope>, request: R) -> Traced<S::Future>
    where
        S: Service<R>,
    {
        let state = scope.as_ref().map(|scope| Arc::clone(&scope.state));
        // A handler may do its work before it returns its future.
        match catch_unwind_in(state, || self.inner.call(request)) {
            Ok(future) => Traced::new(future, scope),
            Err(payload) => {
                if let Some(scope) = scope {
                    scope.panicked(payload.as_ref());
                }
                resume_unwind(payload)
            }
        }
    }
}

/// A handler of events.
impl<S, T> Service<LambdaEvent<T>> for XRayService<S>
where
    S: Service<LambdaEvent<T>>,
    S::Error: Debug + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Traced<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, event: LambdaEvent<T>) -> Self::Future {
        let scope = Scope::begin(&self.config, &event.context);
        self.traced(scope, event)
    }
}

/// A layer of the runtime: `Runtime::new(handler).layer(XRayLayer::new())`.
impl<S> Service<LambdaInvocation> for XRayService<S>
where
    S: Service<LambdaInvocation>,
    S::Error: Debug + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Traced<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, invocation: LambdaInvocation) -> Self::Future {
        let scope = Scope::begin(&self.config, &invocation.context);
        self.traced(scope, invocation)
    }
}

/// A handler of HTTP requests under `lambda_http`, which puts the invocation's context
/// into the request's extensions.
impl<S, B> Service<http::Request<B>> for XRayService<S>
where
    S: Service<http::Request<B>>,
    S::Error: Debug + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Traced<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let context = request.extensions().get::<lambda_runtime::Context>();
        let scope = context.and_then(|context| Scope::begin(&self.config, context));
        self.traced(scope, request)
    }
}
