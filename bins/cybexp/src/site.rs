//! Which configuration a command works with: the one that somebody names, else that of the `cybexp up` that runs, else
//! the first of the usual places.

use std::path::{Path, PathBuf};

use anyhow::Context;
use cybexp_service::config::USUAL_FILES;
use cybexp_service::{CommonArgs, Config, ConfigError};
use cybexp_term::{self as term, DIM};

use crate::lock;

/// The configuration's name in the folder of `up`.
pub(crate) const CONFIG: &str = "config.json";

/// A configuration file, and those that could have been meant as well.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct ConfigChoice {
    /// `None`: there is no file, and the defaults hold.
    pub(crate) file: Option<PathBuf>,
    /// Whether it is that of a running `up`.
    pub(crate) runs: bool,
    /// The files that would be taken without the first.
    pub(crate) others: Vec<PathBuf>,
}

impl ConfigChoice {
    /// The file that the command line or `$CYBEXP_CONFIG` names, else the first that there is.
    pub(crate) fn of(common: &CommonArgs) -> Self {
        if let Some(file) = &common.config {
            let file = Some(file.clone());
            return Self {
                file,
                ..Self::default()
            };
        }
        let running = running();
        let usual = USUAL_FILES.iter().map(PathBuf::from);
        let own = data_folder().ok().map(|folder| folder.join(CONFIG));
        Self::among(running, usual.chain(own))
    }

    fn among(running: Vec<PathBuf>, usual: impl Iterator<Item = PathBuf>) -> Self {
        let runs = !running.is_empty();
        let mut seen = Vec::new();
        let mut files = running.into_iter().chain(usual).filter(|file| {
            // one that cannot be looked at is not there for who asks
            let Ok(whole) = file.canonicalize() else {
                return false;
            };
            let new = !seen.contains(&whole);
            seen.push(whole);
            new
        });
        Self {
            file: files.next(),
            runs,
            others: files.collect(),
        }
    }

    /// Loads it, and says on the standard error which it is where there are others.
    pub(crate) fn load(&self) -> Result<Config, ConfigError> {
        if let Some(note) = self.note() {
            let note = term::wrapped(&term::line(&note), 0, 2);
            anstream::eprintln!("{DIM}{note}{DIM:#}");
        }
        Config::load(self.file.as_deref())
    }

    /// Which it is, where there are others.
    pub(crate) fn note(&self) -> Option<String> {
        let file = self.file.as_ref().filter(|_| !self.others.is_empty())?;
        let of = if self.runs {
            ", that of the running `cybexp up`"
        } else {
            ""
        };
        let others: Vec<String> = self
            .others
            .iter()
            .map(|file| file.display().to_string())
            .collect();
        Some(format!(
            "using {}{of}; there is also {} (--config names another one)",
            file.display(),
            others.join(", ")
        ))
    }
}

/// The folder of `up` where nobody names another one.
pub(crate) fn data_folder() -> anyhow::Result<PathBuf> {
    home("XDG_DATA_HOME", ".local/share").context("there is no home folder: give one with --dir")
}

/// The folder of what is remembered from one command to the next.
pub(crate) fn state_folder() -> Option<PathBuf> {
    home("XDG_STATE_HOME", ".local/state")
}

/// XDG Base Directory Specification: a relative path in the variable is to be ignored.
fn home(variable: &str, beside: &str) -> Option<PathBuf> {
    let given = std::env::var_os(variable).map(PathBuf::from);
    let folder = given.filter(|folder| folder.is_absolute());
    let folder = folder.or_else(|| Some(std::env::home_dir()?.join(beside)))?;
    Some(folder.join("cybexp"))
}

/// The folder in which each running `up` has a file of its process id that names its configuration.
fn registry() -> Option<PathBuf> {
    Some(state_folder()?.join("up"))
}

/// Makes a running `up` known to commands, until this is dropped.
pub(crate) struct Registered(Option<PathBuf>);

/// Tells commands which configuration the `up` of this process runs. That it cannot is no reason not to run.
pub(crate) fn register(config: &Path) -> Registered {
    let Some((folder, config)) = registry().zip(std::path::absolute(config).ok()) else {
        return Registered(None);
    };
    let file = folder.join(std::process::id().to_string());
    let written = std::fs::create_dir_all(&folder)
        .and_then(|()| std::fs::write(&file, config.as_os_str().as_encoded_bytes()));
    Registered(written.is_ok().then_some(file))
}

impl Drop for Registered {
    fn drop(&mut self) {
        if let Some(file) = &self.0 {
            // one that is left over names a folder that nobody holds
            let _ = std::fs::remove_file(file);
        }
    }
}

/// The configurations of the `up` that run. What a killed one left behind is taken away.
fn running() -> Vec<PathBuf> {
    let files = registry().and_then(|folder| std::fs::read_dir(folder).ok());
    let files = files.into_iter().flatten().flatten();
    let mut running: Vec<PathBuf> = files
        .filter_map(|file| {
            let config = PathBuf::from(std::fs::read_to_string(file.path()).ok()?);
            let runs = config.parent().is_some_and(lock::is_held);
            if !runs {
                let _ = std::fs::remove_file(file.path());
            }
            runs.then_some(config)
        })
        .collect();
    running.sort();
    running
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_running_one_goes_first_and_each_is_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        for name in ["up.json", "local.json"] {
            std::fs::write(file(name), "").unwrap();
        }
        let usual = || {
            let names = ["missing.json", "local.json", "up.json", "./local.json"];
            names.map(file).into_iter()
        };
        let choice = ConfigChoice::among(vec![file("up.json")], usual());
        assert_eq!(choice.file, Some(file("up.json")));
        assert_eq!(choice.others, [file("local.json")]);
        let note = choice.note().unwrap();
        assert!(note.contains("up.json, that of the running"), "{note}");

        let choice = ConfigChoice::among(Vec::new(), usual());
        assert_eq!(choice.file, Some(file("local.json")));
        assert!(!choice.note().unwrap().contains("running"));
        let none = ConfigChoice::among(Vec::new(), std::iter::once(file("missing.json")));
        assert_eq!((none.note(), none), (None, ConfigChoice::default()));
    }
}
