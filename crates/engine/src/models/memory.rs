//! The memory of this machine.

use sysinfo::{MemoryRefreshKind, RefreshKind, System};

use super::installed::ModelsError;

/// How much memory there is to run a model in.
///
/// The memory of graphics cards is not read: no interface reports it alike for all makers, and
/// llama.cpp keeps in main memory what does not fit the card, so main memory is what decides
/// whether a model runs at all. On Macs with Apple chips both are the same memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MachineMemory {
    /// All of it, in bytes; within a container with a limit, the limit.
    pub total: u64,
    /// What is free or can be freed at once, in bytes.
    pub available: u64,
    /// The memory of a graphics card, in bytes, when the caller knows it.
    /// [`MachineMemory::read`] leaves it `None`.
    pub gpu: Option<u64>,
}

impl MachineMemory {
    /// Asks the operating system.
    ///
    /// # Errors
    /// [`ModelsError::UnknownMemory`] when it does not say.
    pub fn read() -> Result<Self, ModelsError> {
        let ram = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
        let system = System::new_with_specifics(ram)
            .map_err(|source| ModelsError::UnknownMemory { source })?;
        let mut memory = Self {
            total: system.total_memory(),
            available: system.available_memory(),
            gpu: None,
        };
        if let Some(limits) = system.cgroup_limits() {
            memory.total = memory.total.min(limits.total_memory);
            memory.available = memory.available.min(limits.free_memory);
        }
        Ok(memory)
    }
}
