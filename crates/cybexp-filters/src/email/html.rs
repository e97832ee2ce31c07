//! What an HTML part says, and where its links lead.

use mail_parser::decoders::html::html_to_text;

use crate::url;

/// HTML as text.
pub(super) fn text(html: &str) -> String {
    // To a browser a `<` begins a tag only before these; `html_to_text` takes any, and what follows is lost.
    let mut pieces = html.split('<');
    let mut tidy = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let is_tag = piece.starts_with(|c: char| c.is_ascii_alphabetic() || "/!?".contains(c));
        tidy.push_str(if is_tag { "<" } else { "&lt;" });
        tidy.push_str(piece);
    }
    html_to_text(&tidy)
}

/// The URLs that links, images and forms name, and those in the text.
pub(super) fn urls(html: &str) -> Vec<String> {
    let links = Attributes::of(html).filter_map(|(name, value)| {
        let leads_somewhere = ["href", "src", "action", "formaction"]
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known));
        leads_somewhere.then(|| link(value)).flatten()
    });
    let mut urls: Vec<String> = links.collect();
    urls.extend(url::find(&text(html)).map(str::to_owned));
    urls
}

/// The value of a link, when that is a URL with a host. Browsers drop line ends and tabs in it.
fn link(value: &str) -> Option<String> {
    let value = value.replace(['\r', '\n', '\t'], "");
    let value = html_to_text(value.trim());
    url::is_absolute(&value).then_some(value)
}

/// The attributes of all tags, in order, as name and value. It goes forward only: a quote that is never closed
/// ends the document, as it does in a browser.
struct Attributes<'a> {
    rest: &'a str,
    in_tag: bool,
}

impl<'a> Attributes<'a> {
    fn of(html: &'a str) -> Self {
        Self {
            rest: html,
            in_tag: false,
        }
    }

    /// Goes on to where `end` says, and gives what it passed over.
    fn take(&mut self, end: impl FnMut(char) -> bool) -> &'a str {
        let (taken, rest) = self
            .rest
            .split_at(self.rest.find(end).unwrap_or(self.rest.len()));
        self.rest = rest;
        taken
    }

    /// Goes on to the inside of the next tag.
    fn open_tag(&mut self) -> Option<()> {
        let (_, rest) = self.rest.split_once('<')?;
        self.rest = rest;
        self.in_tag = rest.starts_with(|c: char| c.is_ascii_alphabetic());
        Some(())
    }

    fn value(&mut self) -> Option<&'a str> {
        match self.rest.chars().next() {
            Some(quote @ ('"' | '\'')) => {
                let (value, rest) = self.rest[1..].split_once(quote)?;
                self.rest = rest;
                Some(value)
            }
            _ => Some(self.take(|c| c.is_whitespace() || c == '>')),
        }
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if !self.in_tag {
                self.open_tag()?;
                continue;
            }
            self.take(|c| !c.is_whitespace() && !"/\"'".contains(c));
            if self.rest.is_empty() {
                return None;
            }
            if let Some(rest) = self.rest.strip_prefix('>') {
                (self.rest, self.in_tag) = (rest, false);
                continue;
            }
            let name = self.take(|c| c.is_whitespace() || "=/>".contains(c));
            self.take(|c| !c.is_whitespace());
            if let Some(rest) = self.rest.strip_prefix('=') {
                self.rest = rest;
                self.take(|c| !c.is_whitespace());
                return Some((name, self.value()?));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_links() {
        let html = r#"<p>="</p><a class=x HREF = 'https://a.example/?x=1&amp;y=2'>A</a>
            <img src=//b.example/i.png><form action="hxxp://c[.]example/"><a href="mailto:x@y.example">
            <a href="ht
            tps://d.example/"></a><br/><a name href=#top> 1 <2 = "3" https://e.example/.
            <!--[if mso]><a href="https://f.example/"><![endif]--> <a href="https://g.example/"#;
        let html = html.replace("\n            tps", "\ntps");
        assert_eq!(
            urls(&html),
            [
                "https://a.example/?x=1&y=2",
                "//b.example/i.png",
                "hxxp://c[.]example/",
                "https://d.example/",
                "https://f.example/",
                "https://e.example/",
            ]
        );
    }
}
