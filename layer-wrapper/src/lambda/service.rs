use std::fmt::Debug;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::task::{Context, Poll};

use lambda_runtime::{LambdaEvent, LambdaInvocation};
use tower_service::Service;

use super::config::Config;
use super::future::XRayFuture;
use super::scope::Scope;
use crate::context::catch_unwind_in;

/// A handler in an [`XRayLayer`](super::XRayLayer).
///
/// It works around a handler of events, around a handler of `lambda_http` requests, and as a
/// layer of `lambda_runtime::Runtime`. As a layer of the runtime it also times the sending
/// of the response, but does not see the handler's error, because the runtime has already
/// reported it. If one `XRayService` encloses another, only the outer one records.
#[derive(Debug, Clone)]
pub struct XRayService<S> {
    inner: S,
    config: Arc<Config>,
}

impl<S> XRayService<S> {
    pub(super) const fn new(inner: S, config: Arc<Config>) -> Self {
        Self { inner, config }
    }

    fn call_in_scope<R>(&mut self, scope: Option<Scope>, request: R) -> XRayFuture<S::Future>
    where
        S: Service<R>,
    {
        let state = scope.as_ref().map(|scope| Arc::clone(&scope.state));
        // A handler may run code, and panic, before it returns its future.
        match catch_unwind_in(state, || self.inner.call(request)) {
            Ok(future) => XRayFuture::new(future, scope),
            Err(payload) => {
                if let Some(scope) = scope {
                    scope.panicked(payload.as_ref());
                }
                resume_unwind(payload)
            }
        }
    }
}

/// For a handler of events.
impl<S, T> Service<LambdaEvent<T>> for XRayService<S>
where
    S: Service<LambdaEvent<T>>,
    S::Error: Debug + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = XRayFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, event: LambdaEvent<T>) -> Self::Future {
        let scope = Scope::begin(&self.config, &event.context);
        self.call_in_scope(scope, event)
    }
}

/// For a layer of the runtime: `Runtime::new(handler).layer(XRayLayer::new())`.
impl<S> Service<LambdaInvocation> for XRayService<S>
where
    S: Service<LambdaInvocation>,
    S::Error: Debug + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = XRayFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, invocation: LambdaInvocation) -> Self::Future {
        let scope = Scope::begin(&self.config, &invocation.context);
        self.call_in_scope(scope, invocation)
    }
}

/// For a handler of HTTP requests with `lambda_http`, which stores the invocation's context
/// in the request's extensions.
impl<S, B> Service<http::Request<B>> for XRayService<S>
where
    S: Service<http::Request<B>>,
    S::Error: Debug + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = XRayFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let context = request.extensions().get::<lambda_runtime::Context>();
        let scope = context.and_then(|context| Scope::begin(&self.config, context));
        self.call_in_scope(scope, request)
    }
}
