//! The names of files that a session fetches or writes: they change from one campaign of a bot to the next.

use std::collections::HashSet;

use super::escapes;
use super::program::Program;
use super::script::Command;
use super::tools::{Argument, Fetches};

/// The most names of one session.
const NAMES: usize = 256;

/// The names that a session gives to what it fetches.
#[derive(Debug, Default)]
pub(super) struct Names(HashSet<String>);

impl Names {
    /// Adds the names in a command.
    pub(super) fn collect(&mut self, command: &Command) {
        let Some(program) = Program::of(command) else {
            return;
        };
        let mut fetches = false;
        match program.tool.fetches {
            Fetches::Urls => {
                for argument in program.arguments() {
                    match argument {
                        Argument::Plain(url) => {
                            fetches = true;
                            self.add_url(url);
                        }
                        Argument::Option(option, Some(value))
                            if program.tool.names_file(option) =>
                        {
                            self.add(value)
                        }
                        Argument::Option(..) => {}
                    }
                }
            }
            Fetches::Files => {
                fetches = true;
                let mut is_host = true;
                for argument in program.arguments() {
                    match argument {
                        Argument::Plain("get") => {}
                        Argument::Plain(_) if std::mem::take(&mut is_host) => {}
                        Argument::Plain(word) => self.add(word),
                        Argument::Option(option, Some(value))
                            if program.tool.names_file(option) =>
                        {
                            self.add(value)
                        }
                        Argument::Option(..) => {}
                    }
                }
            }
            Fetches::Host => fetches = program.name == "nc",
            Fetches::No => {}
        }
        // a file that is copied, renamed or written from a payload is a payload
        let words = program.words;
        let is_payload = |word: &String| self.has(word) || escapes::is_bytes(word);
        let passes_on = match program.name {
            "cat" | "dd" | "base64" | "echo" | "printf" => {
                fetches |= words.iter().any(is_payload)
                    || command.redirects.iter().any(|(_, from)| is_payload(from));
                false
            }
            "mv" | "cp" => words.iter().any(is_payload),
            _ => false,
        };
        if passes_on && let Some(to) = words.last() {
            self.add(&to.clone());
        }
        if fetches {
            for (op, target) in &command.redirects {
                if op.ends_with('>') && !op.starts_with('2') {
                    self.add(target);
                }
            }
        }
    }

    /// Whether a word is such a name, or a path that ends in one.
    pub(super) fn has(&self, word: &str) -> bool {
        self.0.contains(word.rsplit('/').next().unwrap_or(word))
    }

    /// Whether such a name begins with this text, as in `rm -rf x86*`.
    pub(super) fn begins(&self, stem: &str) -> bool {
        !stem.is_empty() && self.0.iter().any(|name| name.starts_with(stem))
    }

    fn add_url(&mut self, url: &str) {
        let path = url.split_once("://").map_or(url, |(_, rest)| rest);
        let path = path.split(['?', '#']).next().unwrap_or(path);
        if let Some((_, path)) = path.split_once('/') {
            self.add(path.trim_end_matches('/'));
        }
    }

    fn add(&mut self, word: &str) {
        let name = word.rsplit('/').next().unwrap_or(word);
        let is_name = !name.is_empty()
            && !matches!(name, "-" | "." | ".." | "null" | "*")
            && name.parse::<std::net::IpAddr>().is_err()
            && !name.starts_with(['<', '$', '&']);
        // Names such as `.i` are part of a bot's text.
        let is_short = name.starts_with('.') && name.len() <= 3;
        if is_name && !is_short && self.0.len() < NAMES {
            self.0.insert(name.to_owned());
        }
    }
}
