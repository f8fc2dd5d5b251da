//! What the files of a new workspace begin as.

/// The files that a workspace has, and what they begin as.
pub(super) const TEMPLATES: [(&str, &str); 6] = [
    ("AGENTS.md", include_str!("templates/AGENTS.md")),
    ("SOUL.md", include_str!("templates/SOUL.md")),
    ("TOOLS.md", include_str!("templates/TOOLS.md")),
    ("IDENTITY.md", include_str!("templates/IDENTITY.md")),
    ("USER.md", include_str!("templates/USER.md")),
    ("HEARTBEAT.md", include_str!("templates/HEARTBEAT.md")),
];

/// What a new workspace has besides.
pub(super) const BOOTSTRAP: (&str, &str) = ("BOOTSTRAP.md", include_str!("templates/BOOTSTRAP.md"));

/// Those that are forms to fill in: as they begin, they say nothing.
const FORMS: [&str; 4] = ["TOOLS.md", "IDENTITY.md", "USER.md", "HEARTBEAT.md"];

/// Whether a file is a form that nobody has filled in.
pub(super) fn is_blank_form(name: &str, text: &str) -> bool {
    FORMS.contains(&name)
        && TEMPLATES
            .iter()
            .any(|(form, blank)| *form == name && blank.trim_end() == text.trim_end())
}
