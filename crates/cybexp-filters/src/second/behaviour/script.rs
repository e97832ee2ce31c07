//! Splits shell text into its simple commands, roughly as a shell does.

/// The deepest nesting of `$(…)` that is opened; deeper ones stay text.
const DEPTH: usize = 4;

/// A simple command: words, redirections, and the operators before it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Command {
    /// The operators between this command and the one before: `|`, `&&`, `||`, `&`, `(`. A semicolon and a line break
    /// are the same and stand for nothing.
    pub(super) before: String,
    /// The words, without their quotes.
    pub(super) words: Vec<String>,
    /// The redirections: operator with its file descriptor, and target.
    pub(super) redirects: Vec<(String, String)>,
}

/// The commands of a script, in the order in which they stand; those of a substitution follow the command that holds it.
#[derive(Debug, Default)]
pub(super) struct Script {
    pub(super) commands: Vec<Command>,
    /// The operator at the very end, if there is one: `;` or `&`.
    pub(super) tail: &'static str,
}

/// Splits a text. Takes time linear in it.
pub(super) fn split(text: &str) -> Script {
    let mut lexer = Lexer::default();
    lexer.read(text, 0);
    lexer.end_command();
    Script {
        commands: lexer.commands,
        tail: match lexer.ops.chars().last() {
            Some(';') => ";",
            Some('&') => "&",
            _ => "",
        },
    }
}

#[derive(Default)]
struct Lexer {
    commands: Vec<Command>,
    command: Command,
    word: String,
    in_word: bool,
    is_quoted: bool,
    /// The redirection that waits for its target.
    redirect: Option<String>,
    /// The operators since the last command.
    ops: String,
    /// Scripts in substitutions of the current command, with their depth.
    inner: Vec<(String, usize)>,
}

impl Lexer {
    fn read(&mut self, text: &str, depth: usize) {
        let bytes = text.as_bytes();
        let mut at = 0;
        let mut closers = Closers::default();
        while at < bytes.len() {
            let rest = &text[at..];
            match bytes[at] {
                b'\\' => at += self.escaped(rest),
                b'\'' => match closers.find(rest, '\'') {
                    Some(end) => {
                        self.quote(&rest[1..end]);
                        at += end + 1;
                    }
                    None => at += self.push_first(rest),
                },
                b'"' => match closers.double_quoted(rest) {
                    Some(end) => {
                        self.double_quote(&rest[1..end], depth);
                        at += end + 1;
                    }
                    None => at += self.push_first(rest),
                },
                b'`' | b'$' if depth < DEPTH => match closers.substitution(rest) {
                    Some((inner, length)) => {
                        self.substitute(inner, depth);
                        at += length;
                    }
                    None => at += self.push_first(rest),
                },
                b'>' | b'<' => at += self.redirection(rest),
                b'&' if rest[1..].starts_with('>') => {
                    self.end_word();
                    self.word.push('&');
                    at += 1;
                }
                b';' | b'|' | b'&' | b'(' | b')' | b'\n' => {
                    self.end_command();
                    if !matches!(bytes[at], b'\n') || self.ops.is_empty() {
                        self.ops.push(bytes[at] as char);
                    }
                    at += 1;
                }
                _ if rest.starts_with(char::is_whitespace) => {
                    self.end_word();
                    at += first_len(rest);
                }
                _ => at += self.push_first(rest),
            }
        }
    }

    fn push_first(&mut self, rest: &str) -> usize {
        let length = first_len(rest);
        self.in_word = true;
        self.word.push_str(&rest[..length]);
        length
    }

    /// Reads a backslash and what follows. An escape that `echo -e` reads keeps its backslash.
    fn escaped(&mut self, rest: &str) -> usize {
        let Some(next) = rest[1..].chars().next() else {
            return 1;
        };
        if next == '\n' {
            return 2;
        }
        self.in_word = true;
        if next.is_ascii_alphanumeric() {
            self.word.push('\\');
        }
        self.word.push(next);
        1 + next.len_utf8()
    }

    fn quote(&mut self, text: &str) {
        self.in_word = true;
        self.is_quoted = true;
        self.word.push_str(text);
    }

    fn double_quote(&mut self, text: &str, depth: usize) {
        self.in_word = true;
        self.is_quoted = true;
        let mut closers = Closers::default();
        let mut at = 0;
        while let Some(c) = text[at..].chars().next() {
            let rest = &text[at..];
            match c {
                '\\' if rest[1..].starts_with(['"', '\\', '$', '`']) => {
                    self.word.push_str(&rest[1..2]);
                    at += 2;
                }
                '`' | '$' if depth < DEPTH => match closers.substitution(rest) {
                    Some((inner, length)) => {
                        self.substitute(inner, depth);
                        at += length;
                    }
                    None => at += self.push_first(rest),
                },
                _ => at += self.push_first(rest),
            }
        }
    }

    fn substitute(&mut self, inner: &str, depth: usize) {
        self.in_word = true;
        self.word.push_str("$()");
        self.inner.push((inner.to_owned(), depth + 1));
    }

    /// Reads `2>`, `>>`, `>&` and the like.
    fn redirection(&mut self, rest: &str) -> usize {
        let is_descriptor = !self.is_quoted && self.word.bytes().all(|b| b.is_ascii_digit());
        let mut op = String::new();
        if is_descriptor || self.word == "&" {
            op.push_str(&std::mem::take(&mut self.word));
            self.in_word = false;
        }
        self.end_word();
        let is_op = |b: &u8| matches!(b, b'>' | b'<' | b'&' | b'|');
        let length = rest.bytes().take(3).take_while(is_op).count();
        op.push_str(&rest[..length]);
        self.redirect = Some(op);
        length
    }

    fn end_word(&mut self) {
        self.is_quoted = false;
        if !std::mem::take(&mut self.in_word) {
            return;
        }
        let word = std::mem::take(&mut self.word);
        match self.redirect.take() {
            Some(op) => self.command.redirects.push((op, word)),
            None => self.command.words.push(word),
        }
    }

    fn end_command(&mut self) {
        self.end_word();
        if let Some(op) = self.redirect.take() {
            self.command.redirects.push((op, String::new()));
        }
        self.word.clear();
        let command = std::mem::take(&mut self.command);
        if command.words.is_empty() && command.redirects.is_empty() {
            return;
        }
        let mut ops = std::mem::take(&mut self.ops);
        ops.retain(|op| !matches!(op, ';' | '\n' | ')'));
        self.commands.push(Command {
            before: ops,
            ..command
        });
        for (inner, depth) in std::mem::take(&mut self.inner) {
            self.read(&inner, depth);
            self.end_command();
            self.ops.clear();
        }
    }
}

/// Remembers which closing characters a text has no more, so that looking for them takes linear time.
#[derive(Default)]
struct Closers {
    no_single: bool,
    no_double: bool,
    no_backtick: bool,
    no_parenthesis: bool,
}

impl Closers {
    fn find(&mut self, rest: &str, quote: char) -> Option<usize> {
        let none = match quote {
            '`' => &mut self.no_backtick,
            _ => &mut self.no_single,
        };
        if *none {
            return None;
        }
        let end = rest[1..].find(quote).map(|end| end + 1);
        *none = end.is_none();
        end
    }

    /// Returns the place of the double quote that closes the one at the beginning.
    fn double_quoted(&mut self, rest: &str) -> Option<usize> {
        if self.no_double {
            return None;
        }
        let mut is_escaped = false;
        for (at, byte) in rest.bytes().enumerate().skip(1) {
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' => is_escaped = true,
                b'"' => return Some(at),
                _ => {}
            }
        }
        self.no_double = true;
        None
    }

    /// Returns the script in a substitution at the beginning of a text, and the length of the whole.
    fn substitution<'a>(&mut self, rest: &'a str) -> Option<(&'a str, usize)> {
        if rest.starts_with('`') {
            let end = self.find(rest, '`')?;
            return Some((&rest[1..end], end + 1));
        }
        if self.no_parenthesis || !rest.starts_with("$(") {
            return None;
        }
        let mut open = 0_usize;
        for (at, byte) in rest.bytes().enumerate() {
            match byte {
                b'(' => open += 1,
                b')' => open -= 1,
                _ => {}
            }
            if byte == b')' && open == 0 {
                return Some((&rest[2..at], at + 1));
            }
        }
        self.no_parenthesis = true;
        None
    }
}

fn first_len(text: &str) -> usize {
    text.chars().next().map_or(1, char::len_utf8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let script = split(text);
        let mut shown: Vec<String> = Vec::new();
        for command in &script.commands {
            let redirects = command
                .redirects
                .iter()
                .map(|(op, target)| format!(" {{{op} {target}}}"));
            shown.push(format!(
                "{}[{}]{}",
                command.before,
                command.words.join("|"),
                redirects.collect::<String>()
            ));
        }
        shown.join(" ") + script.tail
    }

    #[test]
    fn commands_are_split_as_a_shell_does() {
        for (text, expected) in [
            ("cd /tmp; wget a", "[cd|/tmp] [wget|a]"),
            ("cat /bin/echo;", "[cat|/bin/echo];"),
            ("a || b&&c &", "[a] ||[b] &&[c]&"),
            (
                "echo \"a b\">>x 2>/dev/null",
                "[echo|a b] {>> x} {2> /dev/null}",
            ),
            ("ls -lh $(which ls) x", "[ls|-lh|$()|x] [which|ls]"),
            ("echo \"PROC:`nproc`\"", "[echo|PROC:$()] [nproc]"),
            (">/tmp/.a && cd /tmp/", "[] {> /tmp/.a} &&[cd|/tmp/]"),
            ("wget -O->.f u", "[wget|-O-|u] {> .f}"),
            ("(uname -s || w)", "([uname|-s] ||[w]"),
            ("cat 0<&6 > f", "[cat] {0<& 6} {> f}"),
            ("a'b", "[a'b]"),
            ("echo '\\x6F'\\\n c", "[echo|\\x6F|c]"),
            ("$(", "[$] ("),
        ] {
            let found = shown(text);
            assert_eq!(
                found.trim_end_matches(" ("),
                expected.trim_end_matches(" ("),
                "{text}"
            );
        }
    }
}
