//! The program that a command runs, behind `busybox`, `sudo` and the like.

use super::script::Command;
use super::tools::{self, Argument, Tool};

/// Programs that run the program in their arguments.
const WRAPPERS: &[&str] = &[
    "busybox", "sudo", "nohup", "time", "timeout", "exec", "command", "env", "nice", "setsid",
    "then", "do", "else", "!",
];

/// Words whose arguments are expressions, in which the order means something.
const ORDERED: &[&str] = &[
    "[", "[[", "case", "elif", "find", "for", "if", "test", "until", "while",
];

/// The program of a command, and its arguments.
pub(super) struct Program<'a> {
    /// The last segment of its path.
    pub(super) name: &'a str,
    /// The number of words up to it, with it.
    pub(super) place: usize,
    /// The words after it.
    pub(super) words: &'a [String],
    pub(super) tool: &'static Tool,
    /// Whether it is a file of the folder that the shell is in: `./x`.
    is_relative: bool,
}

impl<'a> Program<'a> {
    pub(super) fn of(command: &'a Command) -> Option<Self> {
        let mut place = 0;
        let words = &command.words;
        while place + 1 < words.len() {
            let word = segment(&words[place]);
            let is_assignment = word.split_once('=').is_some_and(|(name, _)| {
                name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
            });
            let is_option = place > 0 && word.starts_with('-');
            let is_number = place > 0 && word.bytes().all(|b| b.is_ascii_digit());
            if !(is_assignment || WRAPPERS.contains(&word) || is_option || is_number) {
                break;
            }
            place += 1;
        }
        let name = segment(words.get(place)?);
        Some(Self {
            name,
            place: place + 1,
            words: &words[place + 1..],
            is_relative: words[place].starts_with("./"),
            tool: tools::tool(name),
        })
    }

    /// Reads the words after its name.
    pub(super) fn arguments(&self) -> Vec<Argument<'a>> {
        let is_ordered = ORDERED.contains(&self.name) || self.is_relative;
        self.tool.arguments(self.words, is_ordered)
    }

    /// Whether it is a shell.
    pub(super) fn is_shell(&self) -> bool {
        matches!(
            self.name,
            "sh" | "bash" | "ash" | "dash" | "ksh" | "zsh" | "$SHELL"
        )
    }

    /// The script that a shell is given with `-c`, as the place of its word.
    pub(super) fn script(&self) -> Option<usize> {
        let flags = self.words.iter().take(3);
        let flag = flags
            .take_while(|word| word.starts_with('-'))
            .position(|word| word.ends_with('c') && !word.starts_with("--"))?;
        (self.is_shell() && flag + 1 < self.words.len()).then_some(self.place + flag + 1)
    }
}

/// Returns the last segment of a path.
pub(super) fn segment(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}
