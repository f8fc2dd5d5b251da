//! How a block of the config file becomes a Rust type: two macros and what they need.
//!
//! `section!` writes a struct whose keys are all optional, `choice!` an enum of fixed words.
//! Both keep the text of the schema down to the key, its type and its meaning.

use schemars::Schema;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

/// Declares one block of the config file as a struct.
///
/// Keys are camelCase in the file. A key that the owner did not write is `None`; `null` is not a
/// value of any key. Unknown keys are refused, except where an `others { … }` field takes them in.
/// Keys in `required { … }` must be there.
macro_rules! section {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            required { $($(#[$rmeta:meta])* pub $rfield:ident: $rty:ty,)+ }
            $($body:tt)*
        }
    ) => {
        section! { @emit
            [$(#[$meta])* #[serde(deny_unknown_fields)]] $name
            [$($(#[$rmeta])* pub $rfield: $rty,)+]
            $($body)*
        }
    };
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            others { $(#[$xmeta:meta])* pub $xfield:ident: $xty:ty, }
            $($body:tt)*
        }
    ) => {
        section! { @emit
            [$(#[$meta])*] $name
            [$(#[$xmeta])* #[serde(flatten)] pub $xfield: $xty,]
            $($body)*
        }
    };
    (
        $(#[$meta:meta])*
        pub struct $name:ident { $($body:tt)* }
    ) => {
        section! { @emit [$(#[$meta])* #[serde(deny_unknown_fields)]] $name [] $($body)* }
    };
    (
        @emit [$($head:tt)*] $name:ident [$($first:tt)*]
        $($(#[$ometa:meta])* pub $ofield:ident: Option<$oty:ty>,)*
    ) => {
        #[derive(
            Debug, Clone, Default, PartialEq,
            serde::Serialize, serde::Deserialize, schemars::JsonSchema,
        )]
        #[serde(rename_all = "camelCase")]
        $($head)*
        pub struct $name {
            $($first)*
            $(
                $(#[$ometa])*
                #[serde(
                    default,
                    skip_serializing_if = "Option::is_none",
                    deserialize_with = "crate::schema::section::present"
                )]
                #[schemars(transform = crate::schema::section::drop_null)]
                pub $ofield: Option<$oty>,
            )*
        }
    };
}

/// Declares an enum of the fixed words that a key takes, each next to its spelling in the file.
///
/// Its JSON Schema is a plain `enum` of strings, with the meaning of each word in
/// `enumDescriptions` (read by editors).
macro_rules! choice {
    (
        $(#[doc = $doc:literal])+
        pub enum $name:ident {
            $($(#[doc = $vdoc:literal])+ $variant:ident = $word:literal,)+
        }
    ) => {
        $(#[doc = $doc])+
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash,
            serde::Serialize, serde::Deserialize,
        )]
        pub enum $name {
            $(
                $(#[doc = $vdoc])+
                #[serde(rename = $word)]
                $variant,
            )+
        }

        impl $name {
            /// Every value, in the order in which the schema lists them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word that stands for this value in the config file.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                crate::schema::section::words(
                    &[$($doc),+],
                    &[$(($word, &[$($vdoc),+])),+],
                )
            }
        }
    };
}

/// Reads the value of an optional key that is there, so that `null` is refused like any other
/// wrong type instead of quietly meaning "not set".
pub(crate) fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// Takes `null` out of the schema of an optional key: leaving a key out is the way to not set it.
pub(crate) fn drop_null(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(words)) = object.get_mut("enum") {
        words.retain(|word| !word.is_null());
    }
    if let Some(Value::Array(forms)) = object.get_mut("anyOf") {
        forms.retain(|form| *form != json!({"type": "null"}));
        if let [Value::Object(only)] = forms.as_slice() {
            let only = only.clone();
            object.remove("anyOf");
            for (key, value) in only {
                object.entry(key).or_insert(value);
            }
        }
    }
}

/// The JSON Schema of a `choice!`: `doc` and each word's lines are doc comments as written.
pub(crate) fn words(doc: &[&str], words: &[(&str, &[&str])]) -> Schema {
    let text = |lines: &[&str]| {
        let lines: Vec<&str> = lines.iter().map(|line| line.trim()).collect();
        lines.join(" ")
    };
    let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    let meanings: Vec<String> = words.iter().map(|(_, lines)| text(lines)).collect();
    schemars::json_schema!({
        "description": text(doc),
        "type": "string",
        "enum": names,
        "enumDescriptions": meanings,
    })
}
