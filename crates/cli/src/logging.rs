//! The log: one file a day in the state directory, JSON lines, without secrets.

mod discreet;

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use moltbot_config::schema::LogLevel;
use moltbot_config::{Snapshot, make_private_directory};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use discreet::{Discreet, Discretion};

/// Days for which a daily log is kept.
const KEPT_DAYS: u64 = 7;

/// Starts the log that the configuration asks for. A log that cannot be written is not worth a turn: the program goes on
/// without it.
pub(crate) fn start(snapshot: &Snapshot) {
    let settings = snapshot.config.logging.clone().unwrap_or_default();
    let level = settings.level.map_or(LevelFilter::INFO, filter);
    let file = match &settings.file {
        _ if level == LevelFilter::OFF => None,
        Some(path) => open(&snapshot.environment.absolute(path)),
        None => {
            let dir = &snapshot.paths.logs_dir;
            remove_old(dir);
            open(&daily(dir))
        }
    };
    let (discretion, refused) = Discretion::new(snapshot);
    let discretion = Arc::new(discretion);
    let console = settings.console_level.map(|level| {
        tracing_subscriber::fmt::layer()
            .with_writer(Discreet {
                place: std::io::stderr,
                discretion: Arc::clone(&discretion),
            })
            .with_target(false)
            .without_time()
            .with_filter(filter(level))
    });
    let file = file.map(|file| {
        tracing_subscriber::fmt::layer()
            .json()
            .with_writer(Discreet {
                place: file,
                discretion: Arc::clone(&discretion),
            })
            .with_filter(level)
    });
    // Fails only where a subscriber stands already, which then serves.
    let _ = tracing_subscriber::registry()
        .with(file)
        .with(console)
        .try_init();
    for pattern in refused {
        tracing::warn!(
            "logging.redactPatterns has a pattern that is no regular expression and masks nothing: {pattern}"
        );
    }
}

fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Silent => LevelFilter::OFF,
        LogLevel::Fatal | LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}

fn daily(dir: &Path) -> PathBuf {
    dir.join(format!(
        "moltbot-{}.log",
        chrono::Local::now().format("%Y-%m-%d")
    ))
}

fn open(path: &Path) -> Option<File> {
    if let Some(dir) = path.parent() {
        make_private_directory(dir).ok()?;
    }
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).ok()
}

fn remove_old(dir: &Path) {
    let Some(limit) = SystemTime::now().checked_sub(Duration::from_secs(KEPT_DAYS * 86_400)) else {
        return;
    };
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let ours = name
            .to_str()
            .is_some_and(|name| name.starts_with("moltbot-") && name.ends_with(".log"));
        let old = entry
            .metadata()
            .and_then(|meta| meta.modified())
            .is_ok_and(|modified| modified < limit);
        if ours && old {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}
