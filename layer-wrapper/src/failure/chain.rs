use std::any::Any;
use std::borrow::Cow;
use std::error::Error;
use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use xray_document::SegmentId;

use super::cause::Exception;
use super::redact::without_secrets;
use crate::text::{format_bounded, truncate_chars};

/// Maximum number of errors kept of one chain. A longer chain is probably a loop.
const MAX_CHAIN: usize = 16;

/// Maximum number of characters kept of an exception's message. Our choice (docs/fidelity.md).
const MAX_MESSAGE_CHARS: usize = 4000;

/// An error and its causes, outermost first.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exceptions: Vec<Exception>,
    /// A hash of the chain's types and messages. It is the same if the outermost type is
    /// known statically and if it is behind `dyn`.
    pub(crate) fingerprint: u64,
}

impl Failure {
    pub(crate) fn new(kind: impl Into<Cow<'static, str>>, message: impl AsRef<str>) -> Self {
        let kind = kind.into();
        let mut failure = Self::empty();
        failure.push(kind.clone(), &kind, message.as_ref());
        failure
    }

    /// Reads an error and its `source()` chain. `kind` is the outermost error's type, if the
    /// caller knows it.
    pub(crate) fn from_error(kind: Option<&'static str>, error: &(dyn Error + 'static)) -> Self {
        let mut failure = Self::empty();
        let mut next = Some(error);
        while let Some(error) = next.filter(|_| failure.exceptions.len() < MAX_CHAIN) {
            let dyn_name = dyn_name_of(error);
            let kind = kind.filter(|_| failure.exceptions.is_empty());
            let kind = kind.map_or_else(|| dyn_name.clone(), Cow::Borrowed);
            let message = format_bounded(4 * MAX_MESSAGE_CHARS, format_args!("{error}"));
            failure.push(kind, &dyn_name, &message);
            next = error.source();
        }
        failure
    }

    /// Reads an error of which only `Debug` is known. The boxed errors that handlers return
    /// keep their chain; other errors have their `Debug` text as the message.
    pub(crate) fn from_debug<E: Debug + 'static>(error: &E) -> Self {
        let any: &dyn Any = error;
        if let Some(error) = any.downcast_ref::<Box<dyn Error + Send + Sync>>() {
            return Self::from_error(None, error.as_ref());
        }
        if let Some(error) = any.downcast_ref::<Box<dyn Error + Send>>() {
            return Self::from_error(None, error.as_ref());
        }
        if let Some(error) = any.downcast_ref::<Box<dyn Error>>() {
            return Self::from_error(None, error.as_ref());
        }
        #[cfg(feature = "anyhow")]
        if let Some(error) = any.downcast_ref::<anyhow::Error>() {
            return Self::from_error(None, error.as_ref());
        }
        if let Some(error) = any.downcast_ref::<lambda_runtime::Diagnostic>() {
            return Self::new(error.error_type.clone(), &error.error_message);
        }
        if let Some(text) = any.downcast_ref::<String>() {
            return Self::new("Error", text);
        }
        if let Some(text) = any.downcast_ref::<&'static str>() {
            return Self::new("Error", *text);
        }
        let message = format_bounded(MAX_MESSAGE_CHARS, format_args!("{error:?}"));
        Self::new(std::any::type_name::<E>(), message)
    }

    /// Reads the payload of a panic.
    pub(crate) fn from_panic(payload: &(dyn Any + Send)) -> Self {
        let message = payload
            .downcast_ref::<&'static str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        Self::new("panic", message.unwrap_or("a panic without a message"))
    }

    const fn empty() -> Self {
        Self {
            exceptions: Vec::new(),
            fingerprint: 0,
        }
    }

    /// Marks the chain as returned by a downstream service.
    #[cfg(feature = "aws-sdk")]
    pub(crate) fn remote(mut self) -> Self {
        for exception in &mut self.exceptions {
            exception.remote = true;
        }
        self
    }

    /// The outermost error.
    pub(crate) fn first(&self) -> Option<&Exception> {
        self.exceptions.first()
    }

    /// Adds the cause of the last exception. `dyn_name` is its type as `dyn Error` shows it.
    fn push(&mut self, kind: Cow<'static, str>, dyn_name: &str, message: &str) {
        let mut message = without_secrets(message).into_owned();
        truncate_chars(&mut message, MAX_MESSAGE_CHARS);
        let mut hasher = DefaultHasher::new();
        (self.fingerprint, dyn_name, &message).hash(&mut hasher);
        self.fingerprint = hasher.finish();
        let id = SegmentId::random();
        if let Some(outer) = self.exceptions.last_mut() {
            outer.cause = Some(id);
        }
        self.exceptions.push(Exception {
            id,
            message,
            kind,
            remote: false,
            cause: None,
        });
    }
}

/// The type name of an error behind `dyn`. A derived `Debug` begins with it.
fn dyn_name_of(error: &(dyn Error + 'static)) -> Cow<'static, str> {
    if error.is::<std::io::Error>() {
        return Cow::Borrowed("std::io::Error");
    }
    let debug = format_bounded(80, format_args!("{error:?}"));
    let end = debug.find(|c: char| !c.is_alphanumeric() && c != '_' && c != ':');
    let name = debug.get(..end.unwrap_or(debug.len())).unwrap_or_default();
    let named = name.chars().next().is_some_and(char::is_uppercase);
    if named {
        Cow::Owned(name.to_owned())
    } else {
        Cow::Borrowed("Error")
    }
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use super::*;

    #[derive(Debug)]
    struct Outer {
        source: std::num::ParseIntError,
    }

    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the price is not a number")
        }
    }

    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.source)
        }
    }

    fn outer() -> Outer {
        Outer {
            source: "x".parse::<u8>().unwrap_err(),
        }
    }

    #[test]
    fn a_boxed_error_keeps_its_chain_and_its_names() {
        let boxed: Box<dyn Error + Send + Sync> = outer().into();
        let failure = Failure::from_debug(&boxed);
        let [first, second] = failure.exceptions.as_slice() else {
            unreachable!()
        };
        assert_eq!(
            (first.kind.as_ref(), second.kind.as_ref()),
            ("Outer", "ParseIntError")
        );
        assert_eq!(first.cause, Some(second.id));
        assert_eq!(second.message, "invalid digit found in string");
    }

    #[test]
    fn an_error_made_from_a_string_has_the_type_error() {
        let boxed: Box<dyn Error + Send + Sync> = "no such order".into();
        let failure = Failure::from_debug(&boxed);
        assert_eq!(failure.first().unwrap().kind, "Error");
        assert_eq!(failure.first().unwrap().message, "no such order");
    }

    #[test]
    fn an_error_of_another_type_is_recorded_by_its_debug_text() {
        #[derive(Debug)]
        struct Refused(#[expect(dead_code, reason = "read by Debug")] u8);
        let failure = Failure::from_debug(&Refused(7));
        assert_eq!(failure.first().unwrap().message, "Refused(7)");
        assert!(failure.first().unwrap().kind.ends_with("Refused"));
    }

    #[test]
    fn an_error_whose_display_fails_keeps_what_it_wrote_before() {
        struct Broken;
        impl fmt::Debug for Broken {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("Broken")?;
                Err(fmt::Error)
            }
        }
        impl fmt::Display for Broken {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("half a")?;
                Err(fmt::Error)
            }
        }
        impl Error for Broken {}

        let boxed: Box<dyn Error + Send + Sync> = Broken.into();
        for failure in [
            Failure::from_debug(&boxed),
            Failure::from_error(None, &Broken),
        ] {
            let first = failure.first().unwrap();
            assert_eq!(
                (first.kind.as_ref(), first.message.as_str()),
                ("Broken", "half a")
            );
        }
    }

    #[test]
    fn the_fingerprint_ignores_dyn_and_differs_for_another_type_with_the_same_text() {
        #[derive(Debug)]
        struct Other;
        impl fmt::Display for Other {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&outer(), f)
            }
        }
        impl Error for Other {}

        let known = Failure::from_error(Some(std::any::type_name::<Outer>()), &outer());
        let boxed: Box<dyn Error + Send + Sync> = outer().into();
        assert_eq!(known.fingerprint, Failure::from_debug(&boxed).fingerprint);
        assert_ne!(
            known.fingerprint,
            Failure::from_error(None, &Other).fingerprint
        );
    }
}
