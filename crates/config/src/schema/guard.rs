//! `tools.guard`: what agents do unasked.

section! {
    /// What agents do unasked.
    pub struct Guard {
        /// How much is asked about. Default: standard.
        pub preset: Option<GuardPreset>,
    }
}

choice! {
    /// How much is asked about.
    pub enum GuardPreset {
        /// Links in outside text are followed, and whom you name may be sent anything.
        Relaxed = "relaxed",
        /// What is founded neither on your words nor on a trusted source is asked about.
        Standard = "standard",
        /// Once outside text was read, only reading and your own words go unasked.
        Strict = "strict",
    }
}
