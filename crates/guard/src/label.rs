//! What a conversation has read: how far it can be trusted, and who may see it.

use moltbot_llm::Provenance;
use serde::{Deserialize, Serialize};

/// Who may see a text.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Visibility {
    /// Anybody: it stands on the web.
    Public,
    /// The owner, and whom the owner shows it to.
    #[default]
    Private,
}

/// The join of everything that a conversation has read: the least trusted source, the most private text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Label {
    /// The least trusted source.
    pub source: Provenance,
    /// Whether anything private was read by a tool.
    pub visibility: Visibility,
}

impl Label {
    /// That of a conversation in which only the owner has spoken.
    pub const OWNER: Self = Self {
        source: Provenance::Owner,
        visibility: Visibility::Public,
    };

    /// The label of both together.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        Self {
            source: less_trusted(self.source, other.source),
            visibility: self.visibility.max(other.visibility),
        }
    }

    /// Whether somebody may have spoken whose words the owner does not answer for. Then what the model asks for may be
    /// what that somebody wants.
    pub fn is_tainted(self) -> bool {
        is_foreign(self.source)
    }
}

/// The less trusted of two sources.
pub fn less_trusted(one: Provenance, other: Provenance) -> Provenance {
    match distrust(one) >= distrust(other) {
        true => one,
        false => other,
    }
}

/// Whether a source is one whose words are nobody's wish. Another agent of the owner's is none: what it says carries the
/// least trusted source that it has read.
pub fn is_foreign(source: Provenance) -> bool {
    distrust(source) >= distrust(Provenance::Outside)
}

/// The order of trust: the owner first, those whom nobody knows last.
fn distrust(source: Provenance) -> u8 {
    match source {
        Provenance::Owner => 0,
        Provenance::Program => 1,
        Provenance::OwnFiles => 2,
        Provenance::Paired => 3,
        Provenance::Agent => 4,
        Provenance::Value => 5,
        Provenance::Outside => 6,
        Provenance::Stranger => 7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_join_is_the_least_trusted_and_the_most_private() {
        let page = Label {
            source: Provenance::Outside,
            visibility: Visibility::Public,
        };
        let notes = Label {
            source: Provenance::OwnFiles,
            visibility: Visibility::Private,
        };
        let both = Label {
            source: Provenance::Outside,
            visibility: Visibility::Private,
        };
        assert_eq!(page.join(notes), both);
        assert_eq!(notes.join(page), both);
        assert_eq!(Label::OWNER.join(notes), notes);
        assert!(both.is_tainted() && !notes.is_tainted());
    }

    #[test]
    fn a_checked_value_taints_nothing_and_keeps_who_may_see_it() {
        let value = Label {
            source: Provenance::Value,
            visibility: Visibility::Private,
        };
        let page = Label {
            source: Provenance::Outside,
            visibility: Visibility::Public,
        };
        assert!(!Label::OWNER.join(value).is_tainted());
        assert_eq!(Label::OWNER.join(value).visibility, Visibility::Private);
        assert!(value.join(page).is_tainted());
    }
}
