use super::chain::Failure;

/// An error that [`capture`](crate::SubsegmentBuilder::capture) can record.
///
/// It is implemented for each [`std::error::Error`], for types that hold one
/// (`Box<dyn Error>`, also with `Send` and `Sync`, `anyhow::Error`, `eyre::Report`), and for
/// `String` and `&'static str`. It cannot be implemented elsewhere.
///
/// `Kind` is one of the types in [`error`]. The compiler infers it.
pub trait CaptureError<Kind> {
    #[doc(hidden)]
    fn describe(&self, _: Sealed) -> Description;
}

/// The kinds of error that [`CaptureError`] distinguishes. The compiler infers them.
pub mod error {
    /// A type that implements [`std::error::Error`].
    #[derive(Debug)]
    pub struct Typed(());
    /// `Box<dyn Error + Send + Sync>` or `Box<dyn Error + Send>`.
    #[derive(Debug)]
    pub struct Boxed(());
    /// A type with `AsRef<dyn Error>`, such as `anyhow::Error`, `eyre::Report` and
    /// `Box<dyn Error>`.
    #[derive(Debug)]
    pub struct Report(());
    /// `String` or `&'static str`.
    #[derive(Debug)]
    pub struct Text(());
}

/// Allows only this crate to call [`CaptureError::describe`].
#[derive(Debug)]
pub struct Sealed(pub(crate) ());

/// The result of [`CaptureError::describe`].
#[derive(Debug)]
pub struct Description(pub(crate) Failure);

impl<E: std::error::Error + 'static> CaptureError<error::Typed> for E {
    fn describe(&self, _: Sealed) -> Description {
        Description(Failure::from_error(Some(std::any::type_name::<E>()), self))
    }
}

macro_rules! boxed {
    ($($error:ty),*) => {$(
        impl CaptureError<error::Boxed> for $error {
            fn describe(&self, _: Sealed) -> Description {
                Description(Failure::from_error(None, self.as_ref()))
            }
        }
    )*};
}
boxed!(
    Box<dyn std::error::Error + Send + Sync>,
    Box<dyn std::error::Error + Send>
);

impl<E: AsRef<dyn std::error::Error + 'static>> CaptureError<error::Report> for E {
    fn describe(&self, _: Sealed) -> Description {
        Description(Failure::from_error(None, self.as_ref()))
    }
}

macro_rules! text {
    ($($error:ty),*) => {$(
        impl CaptureError<error::Text> for $error {
            fn describe(&self, _: Sealed) -> Description {
                Description(Failure::new("Error", self))
            }
        }
    )*};
}
text!(String, &'static str);
