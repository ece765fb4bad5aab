use std::borrow::Cow;
use std::fmt::Debug;

use tracing_core::Field;
use tracing_core::field::Visit;
use xray_document::AnnotationValue;

use crate::record::{DEFAULT_NAMESPACE, Details, Metadata};
use crate::text::format_bounded;

/// The prefix of fields that become annotations.
const ANNOTATION: &str = "annotation.";

/// Records a span's fields in its subsegment: `annotation.*` as annotations, the others as
/// metadata.
pub(super) struct Fields<'a>(pub(super) &'a mut Details);

impl Fields<'_> {
    fn set(&mut self, field: &Field, value: impl Into<AnnotationValue> + serde::Serialize) {
        let name: &'static str = field.name();
        match name.strip_prefix(ANNOTATION) {
            Some(key) => self.0.annotate(Cow::Borrowed(key), value.into()),
            None => {
                let value = Metadata::new(DEFAULT_NAMESPACE.into(), Cow::Borrowed(name), &value);
                value.into_iter().for_each(|value| self.0.metadata(value));
            }
        }
    }
}

impl Visit for Fields<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.set(field, format(value));
    }
}

/// Reads the `error` field of an event, which `#[instrument(err)]` writes.
#[derive(Default)]
pub(super) struct ErrorField(pub(super) Option<String>);

impl Visit for ErrorField {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "error" {
            self.0 = Some(format(value));
        }
    }
}

/// The text of a value.
fn format(value: &dyn Debug) -> String {
    format_bounded(usize::MAX, format_args!("{value:?}"))
}
