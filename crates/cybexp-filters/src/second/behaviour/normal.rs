//! The normal form of a session's commands.

use std::collections::HashSet;

use super::names::Names;
use super::script::{self, Command, Script};
use super::token::Tokens;

/// The most bytes of one session that are read, and the most different commands.
const BYTES: usize = 1 << 20;
const COMMANDS: usize = 4096;

/// How deep scripts in the arguments of shells are opened.
const DEPTH: usize = 3;

/// Lines that programs print, and that a honeypot takes for commands when they are piped into a shell.
const PRINTED: &[&str] = &[
    "Enter new UNIX password:",
    "Retype new UNIX password:",
    "New password:",
    "Retype new password:",
    "Current password:",
    "(current) UNIX password:",
    "passwd: ",
    "chpasswd: ",
    "curl: ",
    "wget: ",
    "bash: ",
    "-bash: ",
    "sh: ",
];

/// Returns the different commands of a session, in the order in which they first stand. `lines` are in order of time,
/// those of one time in groups.
pub(super) fn normal(lines: &[Vec<&str>], passwords: &HashSet<&str>) -> Vec<String> {
    let mut budget = BYTES;
    let mut scripts: Vec<Vec<Script>> = Vec::new();
    let mut names = Names::default();
    for group in lines {
        let mut parsed = Vec::new();
        for line in group.iter().copied().filter_map(clean) {
            let Some(left) = budget.checked_sub(line.len()) else {
                continue;
            };
            budget = left;
            let mut script = script::split(line);
            open(&mut script.commands, 0);
            script
                .commands
                .iter()
                .for_each(|command| names.collect(command));
            parsed.push(script);
        }
        scripts.push(parsed);
    }
    let mut seen = HashSet::new();
    let mut form = Vec::new();
    for group in &scripts {
        let mut lines: Vec<Tokens> = group
            .iter()
            .map(|script| Tokens::of(script, &names, passwords))
            .collect();
        // The order of lines of one moment is not known. A part that the honeypot logs again follows its line.
        lines.sort_by_cached_key(|tokens| (std::cmp::Reverse(tokens.list.len()), tokens.text()));
        for token in lines.into_iter().flat_map(|tokens| tokens.list) {
            if form.len() < COMMANDS && seen.insert(token.key) {
                form.push(token.text);
            }
        }
    }
    form
}

/// Returns a line without what ends it: white space, also written as `\r\n` in letters; `None` for a line that a program
/// printed, and for one that is empty.
fn clean(line: &str) -> Option<&str> {
    let mut line = line.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    while let Some(shorter) = line
        .strip_suffix("\\r")
        .or_else(|| line.strip_suffix("\\n"))
    {
        line = shorter.trim_end();
    }
    let is_printed = PRINTED.iter().any(|printed| line.starts_with(printed));
    (!line.is_empty() && !is_printed).then_some(line)
}

/// Puts the commands of scripts in arguments (`sh -c '…'`, `echo '…' | sh`) behind the command that has them. Cowrie logs
/// them as commands of their own, or not, by its version.
fn open(commands: &mut Vec<Command>, depth: usize) {
    let mut opened = Vec::with_capacity(commands.len());
    let mut left = std::mem::take(commands).into_iter().peekable();
    while let Some(mut command) = left.next() {
        let text = match depth < DEPTH {
            true => inner(&mut command, left.peek()),
            false => None,
        };
        opened.push(command);
        if let Some(text) = text {
            let mut inner = script::split(&text).commands;
            open(&mut inner, depth + 1);
            opened.append(&mut inner);
        }
    }
    *commands = opened;
}

/// Takes the script out of a command.
fn inner(command: &mut Command, next: Option<&Command>) -> Option<String> {
    use super::program::Program;
    let program = Program::of(command)?;
    if let Some(place) = program.script() {
        return Some(std::mem::replace(
            &mut command.words[place],
            "<script>".to_owned(),
        ));
    }
    let is_piped = next.is_some_and(|next| {
        let shell = Program::of(next).filter(Program::is_shell);
        next.before == "|"
            && shell.is_some_and(|shell| shell.words.iter().all(|word| word.starts_with('-')))
    });
    if !is_piped || !matches!(program.name, "echo" | "printf") {
        return None;
    }
    let place = program.place;
    let place = place
        + program
            .words
            .iter()
            .position(|word| !word.starts_with('-'))?;
    let words: Vec<String> = command.words.drain(place..).collect();
    command.words.push("<script>".to_owned());
    Some(words.join(" "))
}
