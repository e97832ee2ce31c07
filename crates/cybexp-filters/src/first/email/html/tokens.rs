//! HTML cut into tags, text and other content, as browsers do it. The tokenizer never goes back: a comment or a quote
//! that is never closed extends to the end of the document.

/// Elements whose content is not parsed as markup.
const RAW: [&str; 6] = ["script", "style", "title", "textarea", "xmp", "noframes"];

/// A piece of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HtmlToken<'a> {
    /// Text, with character references not decoded.
    Text(&'a str),
    /// The name as it is written, and the text of the attributes.
    Open(&'a str, &'a str),
    Close(&'a str),
    /// An element whose content is not parsed as markup: its name and content.
    Raw(&'a str, &'a str),
    Comment(&'a str),
}

pub(super) struct HtmlTokens<'a> {
    rest: &'a str,
    /// The name of the raw element whose content comes next.
    raw: Option<&'a str>,
    /// Whether this is the content of a comment, in which no comment begins.
    in_comment: bool,
}

impl<'a> HtmlTokens<'a> {
    pub(super) fn of(html: &'a str) -> Self {
        Self {
            rest: html,
            raw: None,
            in_comment: false,
        }
    }

    /// Reads the markup in a comment. Some mail programs show it.
    pub(super) fn of_comment(comment: &'a str) -> Self {
        Self {
            in_comment: true,
            ..Self::of(comment)
        }
    }

    /// Moves forward to `end`, and returns the text passed over.
    fn take(&mut self, end: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    /// Moves forward to behind the next `end`, and returns the text before it.
    fn take_until(&mut self, end: &str) -> &'a str {
        let (taken, rest) = self.rest.split_once(end).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }

    fn raw_content(&mut self, name: &'a str) -> HtmlToken<'a> {
        let is_end = |at: &usize| {
            let tag = self.rest[at + 2..].get(..name.len());
            tag.is_some_and(|tag| tag.eq_ignore_ascii_case(name))
        };
        let end = self.rest.match_indices("</").map(|(at, _)| at).find(is_end);
        HtmlToken::Raw(name, self.take(end.unwrap_or(self.rest.len())))
    }

    fn tag(&mut self) -> HtmlToken<'a> {
        self.rest = &self.rest[1..];
        if let Some(rest) = self.rest.strip_prefix("!--").filter(|_| !self.in_comment) {
            self.rest = rest;
            for empty in [">", "->"] {
                if let Some(rest) = self.rest.strip_prefix(empty) {
                    self.rest = rest;
                    return HtmlToken::Comment("");
                }
            }
            return HtmlToken::Comment(self.take_until("-->"));
        }
        if let Some(rest) = self.rest.strip_prefix('/') {
            self.rest = rest;
            let tag = self.take_until(">");
            return HtmlToken::Close(&tag[..name_end(tag)]);
        }
        if self.rest.starts_with(['!', '?']) {
            self.take_until(">");
            return HtmlToken::Comment("");
        }
        let end = end_of_tag(self.rest);
        let tag = self.take(end.unwrap_or(self.rest.len()));
        self.rest = self.rest.strip_prefix('>').unwrap_or(self.rest);
        let (name, attributes) = tag.split_at(name_end(tag));
        let is_raw = RAW.iter().any(|known| name.eq_ignore_ascii_case(known));
        self.raw = (is_raw && !attributes.ends_with('/')).then_some(name);
        HtmlToken::Open(name, attributes)
    }
}

impl<'a> Iterator for HtmlTokens<'a> {
    type Item = HtmlToken<'a>;

    fn next(&mut self) -> Option<HtmlToken<'a>> {
        if let Some(name) = self.raw.take() {
            return Some(self.raw_content(name));
        }
        if self.rest.is_empty() {
            return None;
        }
        // A `<` begins a tag only before these; elsewhere it is text.
        let begins =
            |text: &str| text.starts_with(|c: char| c.is_ascii_alphabetic() || "/!?".contains(c));
        let start = self.rest.find('<').unwrap_or(self.rest.len());
        if start > 0 {
            return Some(HtmlToken::Text(self.take(start)));
        }
        if begins(&self.rest[1..]) {
            Some(self.tag())
        } else {
            Some(HtmlToken::Text(self.take(1)))
        }
    }
}

fn name_end(tag: &str) -> usize {
    tag.find(|c: char| c.is_whitespace() || c == '/' || c == '>')
        .unwrap_or(tag.len())
}

/// Returns where the `>` of a tag is, outside of quoted values.
fn end_of_tag(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'>' => return Some(at),
            b'=' => {
                at += 1;
                at += bytes[at..]
                    .iter()
                    .take_while(|b| b.is_ascii_whitespace())
                    .count();
                if let Some(quote @ (b'"' | b'\'')) = bytes.get(at) {
                    at += 2 + bytes[at + 1..].iter().position(|b| b == quote)?;
                }
            }
            _ => at += 1,
        }
    }
    None
}

/// Returns the attributes of a tag in order, as name and value, with character references not decoded. One without a
/// value is left out.
pub(super) fn attributes(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            rest = rest.trim_start_matches(|c: char| c.is_whitespace() || "/\"'".contains(c));
            if rest.is_empty() {
                return None;
            }
            // an equals sign that comes first belongs to the name
            let first = rest.chars().next().map_or(1, char::len_utf8);
            let end = rest[first..].find(|c: char| c.is_whitespace() || "=/".contains(c));
            let (name, after) = rest.split_at(end.map_or(rest.len(), |end| first + end));
            rest = after.trim_start();
            let Some(after) = rest.strip_prefix('=') else {
                continue;
            };
            let after = after.trim_start();
            let value = match after.chars().next() {
                Some(quote @ ('"' | '\'')) => {
                    let (value, after) = after[1..].split_once(quote)?;
                    rest = after;
                    value
                }
                _ => {
                    let (value, after) =
                        after.split_at(after.find(char::is_whitespace).unwrap_or(after.len()));
                    rest = after;
                    value
                }
            };
            return Some((name, value));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_a_document() {
        use HtmlToken::{Close, Comment, Open, Raw, Text};
        let html = "a <b c='>'>1<2</B ><!-- <x> --><!doctype x><SCRIPT>if (a<b) '</p>'</script><!-->z<br/><i";
        let tokens: Vec<HtmlToken<'_>> = HtmlTokens::of(html).collect();
        assert_eq!(
            tokens,
            [
                Text("a "),
                Open("b", " c='>'"),
                Text("1"),
                Text("<"),
                Text("2"),
                Close("B"),
                Comment(" <x> "),
                Comment(""),
                Open("SCRIPT", ""),
                Raw("SCRIPT", "if (a<b) '</p>'"),
                Close("script"),
                Comment(""),
                Text("z"),
                Open("br", "/"),
                Open("i", ""),
            ]
        );
    }

    #[test]
    fn reads_attributes() {
        let found: Vec<_> = attributes(" a=1 B = 'x y' c d=\"&amp;\"e=f/ =g=h i=\"open").collect();
        assert_eq!(
            found,
            [
                ("a", "1"),
                ("B", "x y"),
                ("d", "&amp;"),
                ("e", "f/"),
                ("=g", "h")
            ]
        );
    }
}
