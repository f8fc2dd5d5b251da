//! How many tokens a prompt is.

mod estimate;

pub(crate) use estimate::estimate;
