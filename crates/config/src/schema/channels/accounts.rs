//! `accounts`: several accounts on one channel.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Deref;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

/// The block of a channel that can have several accounts.
pub trait AccountBlock {
    /// Whether this block lists accounts itself.
    fn has_accounts(&self) -> bool;
}

/// Accounts by name. Each has the keys of its channel, except `accounts`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Accounts<T>(BTreeMap<String, T>);

impl<T> Default for Accounts<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T> Deref for Accounts<T> {
    type Target = BTreeMap<String, T>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<'de, T: AccountBlock + Deserialize<'de>> Deserialize<'de> for Accounts<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let accounts = BTreeMap::<String, T>::deserialize(deserializer)?;
        match accounts.iter().find(|(_, block)| block.has_accounts()) {
            Some((name, _)) => Err(D::Error::custom(format!(
                "account \"{name}\" cannot have accounts of its own"
            ))),
            None => Ok(Self(accounts)),
        }
    }
}

impl<T: JsonSchema> JsonSchema for Accounts<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("{}Accounts", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        BTreeMap::<String, T>::json_schema(generator)
    }
}
