//! Amounts of bytes as a person reads them.

use std::fmt;

/// An amount on disk or on the wire, in powers of 1000 as disks and hubs count: `98.4 MB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DiskSize(pub(super) u64);

impl fmt::Display for DiskSize {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        scaled(out, self.0, 1000, ["bytes", "kB", "MB", "GB", "TB"])
    }
}

/// An amount of memory, in powers of 1024: `15.6 GiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MemorySize(pub(super) u64);

impl fmt::Display for MemorySize {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        scaled(out, self.0, 1024, ["bytes", "KiB", "MiB", "GiB", "TiB"])
    }
}

fn scaled(out: &mut fmt::Formatter<'_>, amount: u64, step: u64, units: [&str; 5]) -> fmt::Result {
    let [smallest, larger @ ..] = units;
    if amount < step {
        return write!(out, "{amount} {smallest}");
    }
    let mut unit = step;
    let mut name = larger[0];
    for next in &larger[1..] {
        if amount / unit < step {
            break;
        }
        unit *= step;
        name = next;
    }
    write!(out, "{:.1} {name}", amount as f64 / unit as f64)
}

#[cfg(test)]
mod tests {
    use super::{DiskSize, MemorySize};

    #[test]
    fn amounts_read_as_people_write_them() {
        assert_eq!(DiskSize(0).to_string(), "0 bytes");
        assert_eq!(DiskSize(999).to_string(), "999 bytes");
        assert_eq!(DiskSize(98_362_432).to_string(), "98.4 MB");
        assert_eq!(DiskSize(63_387_346_208).to_string(), "63.4 GB");
        assert_eq!(MemorySize(16 << 30).to_string(), "16.0 GiB");
        assert_eq!(MemorySize(u64::MAX).to_string(), "16777216.0 TiB");
    }
}
