use serde::{Deserialize, Serialize};

use crate::tolerant;

/// The `sql` object: a query to an SQL database (X-Ray Developer Guide, segment documents).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Sql {
    /// Connection string of a database that is not addressed by a URL, without its password.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "tolerant::optional"
    )]
    pub connection_string: Option<String>,
    /// URL of the database, without its password.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "tolerant::optional"
    )]
    pub url: Option<String>,
    /// Query with the user's values removed or replaced by placeholders.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "tolerant::optional"
    )]
    pub sanitized_query: Option<String>,
    /// Name of the database engine, for example `PostgreSQL`.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "tolerant::optional"
    )]
    pub database_type: Option<String>,
    /// Version of the database engine.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "tolerant::optional"
    )]
    pub database_version: Option<String>,
    /// Name and version of the database driver.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "tolerant::optional"
    )]
    pub driver_version: Option<String>,
    /// User name in the database.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "tolerant::optional"
    )]
    pub user: Option<String>,
    /// `call` for a prepared call, `statement` for a prepared statement.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "tolerant::optional"
    )]
    pub preparation: Option<String>,
}
