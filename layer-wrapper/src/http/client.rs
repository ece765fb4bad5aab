use std::fmt::{self, Debug};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::call::{self, Options, OutgoingRequest};
use crate::context::enter;
use crate::failure::Failure;
use crate::subsegment::Subsegment;

/// A layer for HTTP clients that are tower services, such as `hyper_util`'s client.
///
/// Each request is a subsegment with the namespace `remote`, named after the host, with the
/// method, the URL without user and query, the status and the content length. It ends when
/// the response's headers arrive, so it does not include the body. A 4xx status sets the
/// flag error, 429 also throttle, and 5xx or no response the flag fault.
///
/// A trace header that the request already has stays.
#[derive(Debug, Clone, Copy, Default)]
pub struct ClientLayer {
    options: Options,
}

impl ClientLayer {
    /// Makes a layer that sends the header `X-Amzn-Trace-Id`.
    pub const fn new() -> Self {
        Self {
            options: Options {
                traced: false,
                traceparent: false,
            },
        }
    }

    /// Marks each call as traced by the callee, which sends its own segment. X-Ray considers the
    /// trace broken until that segment arrives (X-Ray Developer Guide, segment documents). The
    /// default is not traced.
    #[must_use]
    pub const fn traced(mut self) -> Self {
        self.options.traced = true;
        self
    }

    /// Sends W3C's `traceparent` header too. The default is only `X-Amzn-Trace-Id`.
    #[must_use]
    pub const fn traceparent(mut self) -> Self {
        self.options.traceparent = true;
        self
    }
}

impl<S> Layer<S> for ClientLayer {
    type Service = ClientService<S>;

    fn layer(&self, inner: S) -> ClientService<S> {
        ClientService {
            inner,
            options: self.options,
        }
    }
}

/// An HTTP client in a [`ClientLayer`].
#[derive(Debug, Clone)]
pub struct ClientService<S> {
    inner: S,
    options: Options,
}

impl<S, B, R> Service<Request<B>> for ClientService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Error: Debug + 'static,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = ClientFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let uri = request.uri();
        let outgoing = OutgoingRequest {
            method: request.method().as_str(),
            scheme: uri.scheme_str().unwrap_or("http"),
            host: uri.host().unwrap_or("unknown"),
            port: uri.port_u16(),
            path: uri.path(),
        };
        let subsegment = call::begin(&outgoing, self.options);
        if let Some(subsegment) = &subsegment {
            call::inject(subsegment, request.headers_mut(), self.options);
        }
        ClientFuture {
            inner: self.inner.call(request),
            subsegment,
        }
    }
}

pin_project! {
    /// The future of a [`ClientService`].
    #[must_use = "futures do nothing unless polled"]
    pub struct ClientFuture<F> {
        #[pin]
        inner: F,
        subsegment: Option<Subsegment>,
    }

    impl<F> PinnedDrop for ClientFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            if let Some(subsegment) = this.project().subsegment {
                subsegment.edit(|details| details.mark("cancelled"));
            }
        }
    }
}

impl<F, R, E> Future for ClientFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    E: Debug + 'static,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let state = this
            .subsegment
            .as_ref()
            .and_then(|subsegment| subsegment.state().cloned());
        let result = ready!({
            let _entered = state.map(enter);
            this.inner.poll(cx)
        });
        if let Some(subsegment) = this.subsegment.take() {
            match &result {
                Ok(response) => {
                    call::record_response(
                        &subsegment,
                        response.status().as_u16(),
                        response.headers(),
                    );
                }
                Err(error) => subsegment.fail(|| Failure::from_debug(error)),
            }
        }
        Poll::Ready(result)
    }
}

impl<F: Debug> Debug for ClientFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientFuture")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
