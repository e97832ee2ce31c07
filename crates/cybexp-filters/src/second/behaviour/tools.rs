//! Programs that a bot downloads with, and the options whose next word is a value.

/// How a program names what it fetches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fetches {
    /// Each argument that is no option is a URL.
    Urls,
    /// Arguments are a host and names of files.
    Files,
    /// Nothing, but the arguments hold a host.
    Host,
    /// Nothing.
    No,
}

pub(super) struct Tool {
    names: &'static [&'static str],
    pub(super) fetches: Fetches,
    /// The letters of short options that take a value.
    valued: &'static [u8],
    /// The letters among them whose value names the file that is written.
    writes: &'static [u8],
    long_valued: &'static [&'static str],
}

const TOOLS: &[Tool] = &[
    Tool {
        names: &["wget", "wget2", "axel", "aria2c"],
        fetches: Fetches::Urls,
        valued: b"OPotTwUQei",
        writes: b"O",
        long_valued: &[
            "output-document",
            "directory-prefix",
            "user-agent",
            "header",
            "tries",
            "timeout",
        ],
    },
    Tool {
        names: &["curl"],
        fetches: Fetches::Urls,
        valued: b"oAHdXuemx",
        writes: b"o",
        long_valued: &[
            "output",
            "user-agent",
            "header",
            "data",
            "request",
            "max-time",
            "connect-timeout",
            "retry",
        ],
    },
    Tool {
        names: &["fetch", "lwp-download", "GET", "lynx", "links"],
        fetches: Fetches::Urls,
        valued: b"o",
        writes: b"o",
        long_valued: &[],
    },
    Tool {
        names: &["tftp", "atftp"],
        fetches: Fetches::Files,
        valued: b"rlbm",
        writes: b"rl",
        long_valued: &[],
    },
    Tool {
        names: &["ftpget", "ftpput"],
        fetches: Fetches::Files,
        valued: b"upP",
        writes: b"",
        long_valued: &["username", "password", "port"],
    },
    Tool {
        names: &[
            "nc", "ncat", "netcat", "telnet", "ping", "ssh", "nslookup", "host", "dig", "ftp",
        ],
        fetches: Fetches::Host,
        valued: b"epwilo",
        writes: b"",
        long_valued: &[],
    },
    Tool {
        names: &["head", "tail"],
        fetches: Fetches::No,
        valued: b"nc",
        writes: b"",
        long_valued: &[],
    },
    Tool {
        names: &["cut"],
        fetches: Fetches::No,
        valued: b"dfc",
        writes: b"",
        long_valued: &[],
    },
    Tool {
        names: &["useradd", "usermod", "adduser"],
        fetches: Fetches::No,
        valued: b"pgGsducoke",
        writes: b"",
        long_valued: &["password"],
    },
];

const PLAIN: Tool = Tool {
    names: &[],
    fetches: Fetches::No,
    valued: b"",
    writes: b"",
    long_valued: &[],
};

/// Returns what is known of a program, by the last segment of its path.
pub(super) fn tool(name: &str) -> &'static Tool {
    let known = TOOLS.iter().find(|tool| tool.names.contains(&name));
    known.unwrap_or(&PLAIN)
}

/// An argument of a program.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Argument<'a> {
    /// An option, with its value if it takes one.
    Option(&'a str, Option<&'a str>),
    /// Any other word.
    Plain(&'a str),
}

impl Tool {
    /// Reads the words after the program's name. `ordered`: their order means something, so that there are no options.
    pub(super) fn arguments<'a>(&self, words: &'a [String], ordered: bool) -> Vec<Argument<'a>> {
        let mut arguments = Vec::with_capacity(words.len());
        let mut words = words.iter().map(String::as_str);
        while let Some(word) = words.next() {
            let option = word
                .strip_prefix('-')
                .filter(|rest| !rest.is_empty() && !ordered);
            let Some(option) = option else {
                arguments.push(Argument::Plain(word));
                continue;
            };
            let (option, value) = match option.strip_prefix('-') {
                Some(long) if self.long_valued.contains(&long) => (word, words.next()),
                Some(_) => (word, None),
                None => match option.bytes().position(|b| self.valued.contains(&b)) {
                    Some(at) if at + 1 == option.len() => (word, words.next()),
                    // `-O-` is `-O -`
                    Some(at) if option.is_char_boundary(at + 1) => {
                        let (option, value) = word.split_at(at + 2);
                        (option, Some(value))
                    }
                    _ => (word, None),
                },
            };
            arguments.push(Argument::Option(option, value));
        }
        arguments
    }

    /// Whether the value of an option is the name of a file that the program writes, or fetches.
    pub(super) fn names_file(&self, option: &str) -> bool {
        let short = !option.starts_with("--");
        let last = option.bytes().last().unwrap_or_default();
        (short && self.writes.contains(&last)) || matches!(option, "--output-document" | "--output")
    }
}
