//! `AWS::Serverless::LayerVersion` and `AWS::Lambda::LayerVersion`.

use std::path::Path;

use super::properties::{Properties, path_in};
use crate::error::Problem;
use crate::intrinsics::{Resource, Scope};
use crate::model::Layer;

/// The layer. `None`, with a note, if its content is in S3.
pub(crate) fn layer(
    scope: &Scope<'_>,
    resource: &Resource,
    folder: &Path,
) -> Result<Option<Layer>, Problem> {
    let properties = Properties::of(scope, resource);
    let name = if resource.resource_type == "AWS::Serverless::LayerVersion" {
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
            content_uri: path_in(folder, path),
        })),
        Some(_) => {
            scope.note(
                properties.key_place(name),
                format!("{} is skipped: its content is in S3", resource.id),
            );
            Ok(None)
        }
    }
}
