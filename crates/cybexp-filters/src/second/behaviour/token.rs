//! One command in the normal form.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::applets;
use super::escapes;
use super::kinds::{Known, Place};
use super::names::Names;
use super::program::{Program, segment};
use super::random;
use super::script::{self, Command, Script};
use super::tools::{Argument, Fetches};

/// How deep scripts in base64 are opened.
const DEPTH: usize = 3;

pub(super) struct Token {
    /// The command as it stands in the normal form.
    pub(super) text: String,
    /// The command without spaces, quotes and the operator before it. A honeypot logs parts of a line again, with its own
    /// spaces and without quotes.
    pub(super) key: String,
}

/// The commands of one line.
#[derive(Default)]
pub(super) struct Tokens {
    pub(super) list: Vec<Token>,
}

impl Tokens {
    pub(super) fn of(script: &Script, names: &Names, passwords: &HashSet<&str>) -> Self {
        let mut tokens = Self::default();
        tokens.add(script, names, passwords, 0);
        tokens
    }

    pub(super) fn text(&self) -> String {
        let texts: Vec<&str> = self.list.iter().map(|token| token.text.as_str()).collect();
        texts.join("\n")
    }

    fn add(&mut self, script: &Script, names: &Names, passwords: &HashSet<&str>, depth: usize) {
        let folders = folders(&script.commands);
        let known = Known {
            names,
            passwords,
            folders: &folders,
        };
        for (at, command) in script.commands.iter().enumerate() {
            if command.words.iter().any(|word| escapes::is_raw(word))
                || command
                    .redirects
                    .iter()
                    .any(|(_, target)| escapes::is_raw(target))
            {
                self.push("", "<bytes>".to_owned());
                return;
            }
            let mut scripts = Vec::new();
            let text = Line {
                command,
                next: script.commands.get(at + 1),
                known: &known,
            }
            .form(&mut scripts);
            self.push(&command.before, text);
            for text in scripts {
                if depth < DEPTH {
                    self.add(&script::split(&text), names, passwords, depth + 1);
                }
            }
        }
        if let Some(last) = self.list.last_mut()
            && depth == 0
            && !script.tail.is_empty()
        {
            last.text.push_str(script.tail);
        }
    }

    fn push(&mut self, before: &str, text: String) {
        let key = text
            .chars()
            .filter(|c| !c.is_whitespace() && !"'\"\\".contains(*c))
            .collect();
        let text = match before {
            "" => text,
            _ => format!("{before} {text}"),
        };
        self.list.push(Token { text, key });
    }
}

/// The most folders of one line.
const FOLDERS: usize = 32;

/// Returns the folders that a line goes through, without the slash before them: those that it changes to or writes a
/// hidden file in, and names again. A bot does so with each folder that the honeypot said is mounted.
fn folders(commands: &[Command]) -> Vec<String> {
    let mut entered = BTreeSet::new();
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for command in commands {
        let is_cd = command.words.first().is_some_and(|word| word == "cd");
        let words = command.words.iter().skip(1).map(|word| (word, false));
        let targets = command.redirects.iter().map(|(_, target)| (target, true));
        for (path, is_target) in words.chain(targets) {
            let Some(path) = path.strip_prefix('/') else {
                continue;
            };
            // `rm -rf /tmp/*`, `mkdir /home/`
            let path = path.trim_matches('/');
            *counts.entry(path).or_default() += 1;
            if is_cd {
                entered.insert(path);
                continue;
            }
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
            if name.starts_with('.') || !folder.is_empty() {
                *counts.entry(folder).or_default() += 1;
            }
            if is_target && name.starts_with('.') {
                entered.insert(folder);
            }
        }
    }
    let is_again = |folder: &&str| counts.get(folder).is_some_and(|count| *count >= 2);
    let folders = entered.into_iter().filter(is_again);
    let mut folders: Vec<String> = folders.take(FOLDERS).map(str::to_owned).collect();
    // The longest first, so that `/var/run` is not taken for `/var`.
    folders.sort_by_key(|folder| std::cmp::Reverse(folder.len()));
    folders
}

/// A command on its way into the normal form.
struct Line<'a> {
    command: &'a Command,
    next: Option<&'a Command>,
    known: &'a Known<'a>,
}

impl Line<'_> {
    fn form(&self, scripts: &mut Vec<String>) -> String {
        let mut words = Vec::new();
        if let Some(program) = Program::of(self.command) {
            self.program(&program, &mut words, scripts);
            let mut plain = Vec::new();
            let place = self.place(&program);
            let secret = self.secret(&program);
            let mut options = Vec::new();
            for argument in program.arguments() {
                match argument {
                    Argument::Plain(word) => plain.push(match secret {
                        Some(secret) => secret(word),
                        None => self.plain(&program, word, plain.is_empty(), place, scripts),
                    }),
                    Argument::Option(option, value) => {
                        let mut text = self.known.replace(option, Place::Text, scripts);
                        if let Some(value) = value {
                            text.push(' ');
                            text += &self.value(&program, option, value, scripts);
                        }
                        options.push(text);
                    }
                }
            }
            options.sort_unstable();
            words.extend(options);
            words.extend(plain);
        }
        let mut redirects: Vec<String> = self
            .command
            .redirects
            .iter()
            .map(|(op, target)| format!("{op}{}", self.known.replace(target, Place::File, scripts)))
            .collect();
        redirects.sort_unstable();
        words.extend(redirects);
        // Lists are of any length.
        words.dedup_by(|a, b| a == b && a.starts_with('<'));
        words.join(" ")
    }

    /// Writes the words up to the program's name.
    fn program(&self, program: &Program<'_>, words: &mut Vec<String>, scripts: &mut Vec<String>) {
        let all = &self.command.words[..program.place];
        let Some((name, wrappers)) = all.split_last() else {
            return;
        };
        words.extend(
            wrappers
                .iter()
                .map(|word| self.known.replace(word, Place::Text, scripts)),
        );
        let is_applet = wrappers
            .last()
            .is_some_and(|word| segment(word) == "busybox");
        words.push(match (is_applet, name.contains('/')) {
            (true, _) => applets::form(name).to_owned(),
            (false, true) => self.known.replace(name, Place::File, scripts),
            (false, false) if random::is_code(name) => "<name>".to_owned(),
            (false, false) => name.clone(),
        });
    }

    /// The place in which the arguments of a program stand.
    fn place(&self, program: &Program<'_>) -> Place {
        let word = &self.command.words[program.place - 1];
        let is_payload =
            word.starts_with("./") || (word.contains('/') && self.known.names.has(word));
        match program.name {
            "chmod" => Place::Mode,
            "touch" | "mkdir" | "rm" | "cp" | "mv" | "sh" | "bash" | "perl" | "python"
            | "python3" | "tar" => Place::File,
            _ if is_payload => Place::Payload,
            _ => Place::Text,
        }
    }

    /// Writes a word that is no option. Programs that connect name the host first.
    fn plain(
        &self,
        program: &Program<'_>,
        word: &str,
        is_first: bool,
        place: Place,
        scripts: &mut Vec<String>,
    ) -> String {
        let is_number = word.bytes().all(|b| b.is_ascii_digit());
        match program.tool.fetches {
            Fetches::Urls => "<url>".to_owned(),
            Fetches::Files | Fetches::Host if is_first => "<address>".to_owned(),
            Fetches::Host if is_number => "<port>".to_owned(),
            Fetches::Files => self.known.replace(word, Place::File, scripts),
            _ if program.name == "kill" && is_number => "<n>".to_owned(),
            _ => self.known.replace(word, place, scripts),
        }
    }

    fn value(
        &self,
        program: &Program<'_>,
        option: &str,
        value: &str,
        scripts: &mut Vec<String>,
    ) -> String {
        let is_file = program.tool.names_file(option);
        let is_secret = matches!(program.name, "useradd" | "usermod" | "adduser")
            && matches!(option, "-p" | "--password");
        match (is_file, is_secret) {
            (_, true) => "<password>".to_owned(),
            (true, _) => self.known.replace(value, Place::File, scripts),
            _ => self.known.replace(value, Place::Text, scripts),
        }
    }

    /// How to write the arguments of a program that takes passwords, or pipes them into one.
    fn secret(&self, program: &Program<'_>) -> Option<fn(&str) -> String> {
        let is_echo = matches!(program.name, "echo" | "printf");
        let next = self.next.filter(|next| next.before == "|");
        if let Some(next) = next.and_then(Program::of)
            && is_echo
        {
            let asks = || {
                self.next
                    .is_some_and(|next| next.words.iter().any(|word| word == "-S"))
            };
            return match next.name {
                "chpasswd" => Some(account),
                "passwd" => Some(|_| "<passwords>".to_owned()),
                _ if asks() => Some(|_| "<password>".to_owned()),
                _ => None,
            };
        }
        let is_hashed =
            program.name == "openssl" && program.words.first().is_some_and(|word| word == "passwd");
        let is_other =
            program.name.ends_with("passwd") && !matches!(program.name, "passwd" | "chpasswd");
        (is_hashed || is_other).then_some(|word| match word {
            "passwd" | "set" => word.to_owned(),
            _ => "<password>".to_owned(),
        })
    }
}

/// Writes `user:password`.
fn account(word: &str) -> String {
    match word.split_once(':') {
        Some((user, _)) => format!("{user}:<password>"),
        None => "<password>".to_owned(),
    }
}
