//! The hosts that shell commands connect to.

use super::indicator::Indicator;
use super::tools;

/// The deepest nesting of commands in quotes: `sh -c "busybox sh -c 'wget …'"`.
const DEPTH: usize = 3;
/// The most words of one command, and the most bytes of one word; a longer one is data.
const WORDS: usize = 200;
const WORD_BYTES: usize = 2048;

/// Returns the targets of all commands in a text, in order.
///
/// The text is cut roughly as a shell does it. The content of quotes is also read as commands, because it is mostly
/// passed to another shell.
pub(super) fn targets(text: &str) -> impl Iterator<Item = Indicator> + '_ {
    let mut pending = vec![(text.to_owned(), 0)];
    let mut found = Vec::new().into_iter();
    std::iter::from_fn(move || {
        loop {
            if let Some(indicator) = found.next() {
                return Some(indicator);
            }
            let (script, depth) = pending.pop()?;
            let mut here = Vec::new();
            let mut shell = Shell::default();
            shell.read(&script, &mut |command: &ShellCommand| {
                here.extend(tools::targets(&command.words, &command.files));
            });
            found = here.into_iter();
            if depth < DEPTH {
                pending.extend(shell.quoted.into_iter().rev().map(|text| (text, depth + 1)));
            }
        }
    })
}

/// One command, with quotes removed.
#[derive(Default)]
struct ShellCommand {
    words: Vec<String>,
    /// The files that redirections name.
    files: Vec<String>,
}

#[derive(Default)]
struct Shell {
    command: ShellCommand,
    word: String,
    /// Whether a word was begun. It may be empty: `''`.
    in_word: bool,
    /// Whether the next word names a file.
    is_redirected: bool,
    /// Texts that stood in quotes and have several words.
    quoted: Vec<String>,
}

impl Shell {
    fn read(&mut self, script: &str, run: &mut impl FnMut(&ShellCommand)) {
        let mut chars = script.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => match chars.next() {
                    Some((_, '\n' | '\r')) | None => {}
                    Some((_, c)) => self.push(c),
                },
                '\'' | '"' => {
                    let start = at + 1;
                    let mut end = script.len();
                    while let Some((at, inner)) = chars.next() {
                        if inner == c {
                            end = at;
                            break;
                        }
                        if inner == '\\' && c == '"' {
                            chars.next();
                        }
                    }
                    self.quote(&script[start..end]);
                }
                '$' if script[at + 1..].starts_with("{IFS}") => {
                    chars.nth("{IFS}".len() - 1);
                    self.end_word();
                }
                '$' if script[at + 1..].starts_with("IFS") => {
                    chars.nth("IFS".len() - 1);
                    // `$IFS$9`
                    if script[at + 4..].starts_with('$') {
                        chars.nth(1);
                    }
                    self.end_word();
                }
                '>' | '<' => {
                    if self.word.bytes().all(|b| b.is_ascii_digit()) {
                        self.word.clear();
                        self.in_word = false;
                    }
                    self.end_word();
                    while chars
                        .next_if(|(_, c)| matches!(c, '>' | '<' | '&'))
                        .is_some()
                    {}
                    self.is_redirected = true;
                }
                ';' | '|' | '&' | '(' | ')' | '`' | '\n' | '\r' => {
                    self.end_word();
                    run(&self.command);
                    self.command.words.clear();
                    self.command.files.clear();
                    self.is_redirected = false;
                }
                c if c.is_whitespace() => self.end_word(),
                c => self.push(c),
            }
        }
        self.end_word();
        run(&self.command);
    }

    fn push(&mut self, c: char) {
        self.in_word = true;
        if self.word.len() <= WORD_BYTES {
            self.word.push(c);
        }
    }

    fn quote(&mut self, text: &str) {
        self.in_word = true;
        if self.word.len() <= WORD_BYTES {
            self.word
                .push_str(&text[..text.floor_char_boundary(WORD_BYTES)]);
        }
        if text.contains(char::is_whitespace) {
            self.quoted.push(text.to_owned());
        }
    }

    fn end_word(&mut self) {
        if !std::mem::take(&mut self.in_word) {
            return;
        }
        let word = std::mem::take(&mut self.word);
        let words = match std::mem::take(&mut self.is_redirected) {
            true => &mut self.command.files,
            false => &mut self.command.words,
        };
        if word.len() <= WORD_BYTES && words.len() < WORDS {
            words.push(word);
        }
    }
}
