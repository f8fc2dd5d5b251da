//! Writing the file: whole or not at all, never over somebody else's change, with older versions kept.

use std::fs;
use std::path::Path;

use moltbot_config::hash;
use moltbot_config::write::{Base, WriteError, write};

use crate::Home;

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

#[cfg(unix)]
#[test]
fn a_new_file_and_its_directory_are_private() {
    let home = Home::new();
    let path = home.environment.home.join("new/state/moltbot.json");
    write(&path, "{}\n", Base::Absent).unwrap();
    assert_eq!(text(&path), "{}\n");
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    let names: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().collect();
    assert_eq!(names.len(), 1, "only the file itself is left");
}

#[cfg(unix)]
#[test]
fn an_open_file_becomes_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::with("{}");
    let path = home.state("moltbot.json");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    write(&path, "{a: 1}", Base::Hash(&hash("{}"))).unwrap();
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(&home.state("moltbot.json.bak")), 0o600);
}

#[test]
fn five_older_versions_are_kept() {
    let home = Home::with("0");
    let path = home.state("moltbot.json");
    for version in 1..=7 {
        let old = hash(&(version - 1).to_string());
        write(&path, &version.to_string(), Base::Hash(&old)).unwrap();
    }
    assert_eq!(text(&path), "7");
    let backups = ["", ".1", ".2", ".3", ".4"];
    for (age, suffix) in backups.iter().enumerate() {
        let backup = home.state(&format!("moltbot.json.bak{suffix}"));
        assert_eq!(text(&backup), (6 - age).to_string());
    }
    assert!(!home.state("moltbot.json.bak.5").exists());
}

#[test]
fn the_same_text_is_not_written_again() {
    let home = Home::with("{}");
    let path = home.state("moltbot.json");
    write(&path, "{}", Base::Hash(&hash("{}"))).unwrap();
    assert!(!home.state("moltbot.json.bak").exists());
}

#[test]
fn a_file_that_somebody_changed_is_left_alone() {
    let home = Home::with("theirs");
    let path = home.state("moltbot.json");
    for base in [Base::Hash(&hash("mine")), Base::Absent] {
        let error = write(&path, "new", base).unwrap_err();
        assert!(matches!(error, WriteError::Changed(_)));
        assert!(
            error
                .to_string()
                .starts_with("config changed since last load; re-run and retry")
        );
    }
    fs::remove_file(&path).unwrap();
    let error = write(&path, "new", Base::Hash(&hash("theirs"))).unwrap_err();
    assert!(matches!(error, WriteError::Changed(_)));
    assert!(!path.exists());
    assert!(!home.state("moltbot.json.bak").exists());
}

#[test]
fn of_many_writers_with_one_base_exactly_one_wins() {
    let home = Home::with("base");
    let path = home.state("moltbot.json");
    let base = hash("base");
    let winners: Vec<usize> = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..8)
            .map(|id| {
                let (path, base) = (&path, &base);
                scope.spawn(move || write(path, &format!("writer {id}"), Base::Hash(base)).is_ok())
            })
            .collect();
        writers
            .into_iter()
            .enumerate()
            .filter_map(|(id, writer)| writer.join().unwrap().then_some(id))
            .collect()
    });
    assert_eq!(winners.len(), 1);
    assert_eq!(text(&path), format!("writer {}", winners[0]));
    assert_eq!(text(&home.state("moltbot.json.bak")), "base");
}

#[test]
fn what_a_crash_left_behind_does_not_matter() {
    let home = Home::with("{}");
    let path = home.state("moltbot.json");
    home.put(".moltbot-abc123.tmp", "half a te");
    write(&path, "{a: 1}", Base::Hash(&hash("{}"))).unwrap();
    assert_eq!(text(&path), "{a: 1}");
    assert_eq!(text(&home.state(".moltbot-abc123.tmp")), "half a te");
}

#[cfg(unix)]
#[test]
fn a_link_stays_a_link() {
    use std::os::unix::fs::symlink;
    let home = Home::new();
    let dotfiles = home.environment.home.join("dotfiles");
    fs::create_dir(&dotfiles).unwrap();
    fs::write(dotfiles.join("real.json"), "{}").unwrap();
    symlink("real.json", dotfiles.join("link.json")).unwrap();
    let path = home.state("moltbot.json");
    symlink(dotfiles.join("link.json"), &path).unwrap();
    write(&path, "{a: 1}", Base::Hash(&hash("{}"))).unwrap();
    assert!(path.is_symlink());
    assert_eq!(text(&dotfiles.join("real.json")), "{a: 1}");
    assert_eq!(text(&home.state("moltbot.json.bak")), "{}");
    // A link whose file does not exist yet.
    fs::remove_file(dotfiles.join("real.json")).unwrap();
    write(&path, "{b: 1}", Base::Absent).unwrap();
    assert!(path.is_symlink());
    assert_eq!(text(&dotfiles.join("real.json")), "{b: 1}");
    // A link in a circle.
    let circle = home.state("circle.json");
    symlink(&circle, &circle).unwrap();
    assert!(matches!(
        write(&circle, "{}", Base::Absent),
        Err(WriteError::Write { .. })
    ));
}

#[test]
fn a_directory_that_cannot_be_made_is_told() {
    let home = Home::new();
    home.put("file", "");
    let path = home.state("file/sub/moltbot.json");
    let error = write(&path, "{}", Base::Absent).unwrap_err();
    assert!(matches!(error, WriteError::Directory { .. }), "{error}");
}
