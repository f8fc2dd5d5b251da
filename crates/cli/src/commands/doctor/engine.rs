//! The engine inside this program, and the model files it has.

use moltbot_config::{Environment, Paths};
use moltbot_engine::gguf::GgufHeader;
use moltbot_engine::models::{self, InstalledModel};

use super::check::Check;
use crate::output;

/// The model files that the engine can use, largest first; none in a build without it, nor where the folder cannot be
/// read, which [`check`] tells.
pub(super) fn installed(paths: &Paths) -> Vec<InstalledModel> {
    if !cfg!(feature = "engine") {
        return Vec::new();
    }
    let mut installed = models::installed(&paths.models_dir).unwrap_or_default();
    installed.sort_by_key(|model| std::cmp::Reverse(model.bytes));
    installed
}

/// Whether the engine is there, and what it can run.
pub(super) fn check(paths: &Paths, environment: &Environment) -> Vec<Check> {
    if !cfg!(feature = "engine") {
        return vec![Check::ok(
            "engine.build",
            "engine",
            "not in this build; models on servers work without it",
        )];
    }
    let accelerators: Vec<&str> = [
        (cfg!(feature = "cuda"), "CUDA"),
        (cfg!(feature = "metal"), "Metal"),
        (cfg!(feature = "vulkan"), "Vulkan"),
        (cfg!(feature = "rocm"), "ROCm"),
    ]
    .into_iter()
    .filter_map(|(built, name)| built.then_some(name))
    .collect();
    let detail = match accelerators.is_empty() {
        true => "built in, for the processor".to_owned(),
        false => format!("built in, with {}", accelerators.join(", ")),
    };
    let mut checks = vec![Check::ok("engine.build", "engine", detail)];
    let folder = environment.shown(&paths.models_dir);
    match models::installed(&paths.models_dir) {
        Err(error) => checks.push(Check::fail("engine.models", "models", error.to_string())),
        Ok(installed) if installed.is_empty() => {
            checks.push(Check::ok(
                "engine.models",
                "models",
                format!("none installed in {folder}"),
            ));
        }
        Ok(installed) => checks.extend(installed.iter().map(model_check)),
    }
    checks
}

fn model_check(model: &InstalledModel) -> Check {
    let (id, title) = (
        format!("engine.model.{}", model.id),
        format!("local/{}", model.id),
    );
    let size = output::bytes(model.bytes);
    // The engine gives no checksum for a record that does not fit the file.
    let has_record = model.path.with_extension("json").exists();
    if model.sha256.is_none() && has_record {
        return Check::warn(
            &id,
            &title,
            format!("{size}, not as long as it was when it was pulled"),
        )
        .remedy(format!("delete {} and pull it again", model.path.display()));
    }
    if let Err(error) = GgufHeader::read(&model.path) {
        return Check::fail(&id, &title, error.to_string());
    }
    Check::ok(
        &id,
        &title,
        match model.sha256 {
            Some(_) => format!("{size}, checksum on record"),
            None => format!("{size}, put here by hand, no checksum on record"),
        },
    )
}
