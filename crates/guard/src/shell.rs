//! Shell commands: what one would really start, and whether the owner allowed that for good.
//!
//! A command is taken apart only where there is no doubt what `/bin/sh` makes of it: words, quotes, pipes and chains.
//! Whatever expands, redirects, substitutes or is not understood is [`Unclear`], and then only the owner's word for this
//! very command counts.

mod allowlist;
mod anything;
mod approvals;
mod options;
mod programs;
mod safe_bins;
mod words;

pub use allowlist::{Allowlist, Miss, paths_to_allow};
pub use approvals::{Approvals, ApprovalsError, Ask, Security, Terms};
pub use programs::{Nature, Program, Programs};
pub use words::{Segment, Unclear, take_apart};
