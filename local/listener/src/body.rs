use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::Extensions;
use http_body_util::BodyExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::limits::Limits;

/// Bytes of a body that need no reservation, so that small requests never wait for large ones.
/// All connections together hold at most 16 MB of them by default.
const UNRESERVED_BYTES: usize = 64 * 1024;

/// Bytes of the rest of a rejected body, after which the connection is closed.
const MAX_DISCARDED_BYTES: usize = 16 * 1024 * 1024;

/// The value of `Retry-After` in the response to [`BodyError::NoMemory`], in seconds.
pub const RETRY_AFTER_SECONDS: &str = "5";

/// Reads the body of one request, within the memory that the listener has for all bodies.
///
/// A body of more than 64 KB reserves its whole length before the rest is read. Requests get
/// memory in the order of their arrival: a large one does not starve because smaller ones still
/// fit. Nothing is reserved piece by piece, because half-read bodies would wait for each other.
#[derive(Debug, Clone, Default)]
pub struct BodyReader {
    /// `None` without [`serve`](crate::serve): then there is no limit for all bodies.
    memory: Option<BodyMemory>,
    /// The length that the request declares.
    length: Option<u64>,
}

impl BodyReader {
    /// The reader that [`serve`](crate::serve) puts into the extensions of each request.
    pub fn of(extensions: &Extensions) -> Self {
        extensions.get().cloned().unwrap_or_default()
    }

    /// Readers with the memory of `limits`: this one and its clones.
    pub fn new(limits: &Limits) -> Self {
        Self {
            memory: Some(BodyMemory::new(limits)),
            length: None,
        }
    }

    /// The reader of a body that declares this length.
    pub(crate) fn with_length(&self, length: Option<u64>) -> Self {
        Self {
            memory: self.memory.clone(),
            length,
        }
    }

    /// Reads the whole body. Its memory counts until the last clone of the bytes is dropped.
    ///
    /// # Errors
    /// [`BodyError::TooLarge`] beyond `max_bytes`.
    /// [`BodyError::Incomplete`] if the client stopped sending, or took too long.
    /// [`BodyError::NoMemory`] if other bodies used all memory for too long.
    pub async fn read(&self, mut body: Body, max_bytes: usize) -> Result<Bytes, BodyError> {
        if self.length.is_some_and(|length| length > max_bytes as u64) {
            return Err(self.discard(body, BodyError::TooLarge).await);
        }
        let mut received = Vec::new();
        let unreserved = max_bytes.min(UNRESERVED_BYTES);
        self.receive(&mut body, &mut received, unreserved).await?;
        if received.len() <= unreserved {
            return Ok(received.into());
        }
        let length = self.length.and_then(|length| usize::try_from(length).ok());
        let reservation = match &self.memory {
            Some(memory) => match memory.reserve(length.unwrap_or(max_bytes)).await {
                Ok(reservation) => Some(reservation),
                Err(error) => return Err(self.discard(body, error).await),
            },
            None => None,
        };
        if let Some(length) = length {
            received.reserve_exact(length.saturating_sub(received.len()));
        }
        self.receive(&mut body, &mut received, max_bytes).await?;
        if received.len() > max_bytes {
            return Err(self.discard(body, BodyError::TooLarge).await);
        }
        Ok(match reservation {
            Some(reservation) => Bytes::from_owner(Reserved::new(received, reservation)),
            None => received.into(),
        })
    }

    /// Receives until the end of the body, or until more than `bytes` are there.
    async fn receive(
        &self,
        body: &mut Body,
        received: &mut Vec<u8>,
        bytes: usize,
    ) -> Result<(), BodyError> {
        let all = async {
            while received.len() <= bytes
                && let Some(frame) = body.frame().await
            {
                let frame = frame.map_err(|error| BodyError::Incomplete(error.to_string()))?;
                if let Ok(data) = frame.into_data() {
                    received.extend_from_slice(&data);
                }
            }
            Ok(())
        };
        match &self.memory {
            Some(memory) => memory.in_time(all).await,
            None => all.await,
        }
    }

    /// Receives and drops the rest of a body that is rejected: a client that still writes when
    /// the connection is closed may not read the response. Returns the reason.
    async fn discard(&self, mut body: Body, reason: BodyError) -> BodyError {
        let discarding = async {
            let mut discarded = 0;
            while discarded < MAX_DISCARDED_BYTES
                && let Some(Ok(frame)) = body.frame().await
            {
                discarded += frame.data_ref().map_or(0, Bytes::len);
            }
            Ok(())
        };
        match &self.memory {
            Some(memory) => memory.in_time(discarding).await,
            None => discarding.await,
        }
        .err()
        .unwrap_or(reason)
    }
}

/// The memory of a listener for the bodies of all its requests.
#[derive(Debug, Clone)]
struct BodyMemory {
    /// One permit for each byte. Hands out permits in the order of the requests for them.
    free: Arc<Semaphore>,
    bytes: usize,
    wait: Duration,
    whole_body_timeout: Duration,
}

impl BodyMemory {
    fn new(limits: &Limits) -> Self {
        let bytes = limits.body_bytes.min(u32::MAX as usize);
        Self {
            free: Arc::new(Semaphore::new(bytes)),
            bytes,
            wait: limits.body_wait,
            whole_body_timeout: limits.whole_body_timeout,
        }
    }

    /// Waits until `bytes` are free. A body that is larger than the whole memory gets all of it.
    async fn reserve(&self, bytes: usize) -> Result<OwnedSemaphorePermit, BodyError> {
        let bytes = u32::try_from(bytes.min(self.bytes)).unwrap_or(u32::MAX);
        let free = Arc::clone(&self.free).acquire_many_owned(bytes);
        match timeout(self.wait, free).await {
            Ok(Ok(reservation)) => Ok(reservation),
            // The semaphore is never closed.
            Ok(Err(_)) | Err(_) => Err(BodyError::NoMemory),
        }
    }

    /// A client must not keep a reservation by sending one byte from time to time.
    async fn in_time(
        &self,
        receiving: impl Future<Output = Result<(), BodyError>>,
    ) -> Result<(), BodyError> {
        let result = timeout(self.whole_body_timeout, receiving).await;
        result.unwrap_or_else(|_| {
            let reason = format!("it took longer than {:?}", self.whole_body_timeout);
            Err(BodyError::Incomplete(reason))
        })
    }
}

/// Bytes with their reservation.
struct Reserved {
    bytes: Vec<u8>,
    _reservation: OwnedSemaphorePermit,
}

impl Reserved {
    /// Gives back what was reserved for a body without a declared length.
    fn new(bytes: Vec<u8>, mut reservation: OwnedSemaphorePermit) -> Self {
        let unused = reservation.num_permits().saturating_sub(bytes.len());
        drop(reservation.split(unused));
        Self {
            bytes,
            _reservation: reservation,
        }
    }
}

impl AsRef<[u8]> for Reserved {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// A body that was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodyError {
    /// It has more bytes than allowed.
    TooLarge,
    /// It ended early or took too long, with the reason.
    Incomplete(String),
    /// Other bodies use all memory. The response should have the status 503, and `Retry-After`
    /// with [`RETRY_AFTER_SECONDS`].
    NoMemory,
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => f.write_str("the request's body is too large"),
            Self::Incomplete(reason) => {
                write!(f, "the request's body did not arrive completely: {reason}")
            }
            Self::NoMemory => f.write_str(
                "large requests of other clients use all memory for bodies; send the request again later, or fewer large ones at a time",
            ),
        }
    }
}

impl std::error::Error for BodyError {}
