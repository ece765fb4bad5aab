//! `AWS::Serverless::LayerVersion` and `AWS::Lambda::LayerVersion`.

use std::path::Path;

use super::properties::{Properties, beside};
use crate::error::Problem;
use crate::intrinsics::{Resource, Scope};
use crate::model::Layer;

/// The layer, or `None` (and a note) for one that is in S3.
pub(crate) fn layer(
    scope: &Scope<'_>,
    resource: &Resource,
    folder: &Path,
) -> Result<Option<Layer>, Problem> {
    let properties = Properties::of(scope, resource);
    let name = if resource.kind == "AWS::Serverless::LayerVersion" {
        "ContentUri"
    } else {
        "Content"
    };
    let content = properties.get(name)?;
    match content.as_ref().map(|content| content.text()) {
        None => Err(
            Problem::new(properties.place, format!("the property {name} is missing"))
                .about(&resource.id),
        ),
        Some(Some(path)) if !path.starts_with("s3://") => Ok(Some(Layer {
            logical_id: resource.id.clone(),
            content_uri: beside(folder, path),
        })),
        Some(_) => {
            scope.note(
                properties.place_of(name),
                format!("{} is left out: its content is in S3", resource.id),
            );
            Ok(None)
        }
    }
}
