//! The text of an HTML page as a reader sees it.

use mail_parser::decoders::html::add_html_token;

use super::tokens::{HtmlToken, HtmlTokens};

/// Elements that begin and end a line.
const BLOCKS: [&str; 44] = [
    "address",
    "article",
    "aside",
    "blockquote",
    "body",
    "caption",
    "center",
    "dd",
    "details",
    "dialog",
    "dir",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "head",
    "header",
    "hr",
    "html",
    "li",
    "main",
    "menu",
    "nav",
    "ol",
    "option",
    "p",
    "pre",
    "section",
    "summary",
    "table",
    "tbody",
    "tr",
    "ul",
    "select",
];
/// Elements that are set apart from their neighbours in the same line.
const APART: [&str; 8] = [
    "td", "th", "button", "input", "img", "textarea", "label", "iframe",
];

/// Marks where a link begins or ends: readers see the texts of two adjacent links as two.
pub(super) const LINK: char = '\u{1f}';

/// Converts HTML to text, a line for each block, with [`LINK`] around links.
pub(super) fn marked(html: &str) -> String {
    let mut lines = TextBuilder::default();
    for token in HtmlTokens::of(html) {
        match token {
            HtmlToken::Text(text) => lines.text(&unescaped(text)),
            HtmlToken::Raw(name, text) if name.eq_ignore_ascii_case("textarea") => {
                lines.text(&unescaped(text))
            }
            HtmlToken::Open(name, _) | HtmlToken::Close(name) => lines.tag(name),
            HtmlToken::Raw(..) | HtmlToken::Comment(_) => {}
        }
    }
    lines.text
}

/// Replaces character references by their characters; the semicolon of a numeric one may be missing.
pub(super) fn unescaped(text: &str) -> String {
    /// The longest name of a character reference in bytes, with some to spare.
    const NAME_BYTES: usize = 34;
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        let name = after.bytes().take(NAME_BYTES);
        let is_name = |b: &u8| b.is_ascii_alphanumeric() || *b == b'#';
        let length = name.take_while(is_name).count();
        let (name, behind) = after.split_at(length);
        let is_closed = behind.starts_with(';');
        if length > 0 && (is_closed || name.starts_with('#')) {
            add_html_token(&mut plain, format!("&{name};").as_bytes(), false);
            rest = behind.strip_prefix(';').unwrap_or(behind);
        } else {
            plain.push('&');
            rest = after;
        }
    }
    plain.push_str(rest);
    plain
}

/// Text under construction. White space becomes one blank, and none stands at either end of a line.
#[derive(Default)]
struct TextBuilder {
    text: String,
    is_begun: bool,
    has_blank: bool,
}

impl TextBuilder {
    fn text(&mut self, text: &str) {
        for c in text.chars() {
            if c.is_whitespace() || c.is_control() {
                self.has_blank = true;
                continue;
            }
            if self.has_blank && self.is_begun {
                self.text.push(' ');
            }
            (self.has_blank, self.is_begun) = (false, true);
            self.text.push(c);
        }
    }

    fn tag(&mut self, name: &str) {
        let is = |names: &[&str]| names.iter().any(|known| name.eq_ignore_ascii_case(known));
        if is(&["br"]) {
            self.text.push('\n');
            (self.has_blank, self.is_begun) = (false, false);
        } else if is(&["a", "area"]) {
            self.text.push(LINK);
        } else if is(&APART) {
            self.has_blank = true;
        } else if is(&BLOCKS) && self.is_begun {
            self.text.push('\n');
            (self.has_blank, self.is_begun) = (false, false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_blocks_apart_and_words_together() {
        for (html, expected) in [
            ("<div>a</div><div>b</div>", "a\nb\n"),
            ("<table><tr><td>a</td><td>b</td></tr><tr><td>c", "a b\nc"),
            ("<ul><li>a<li>b</ul>c", "a\nb\nc"),
            ("a<br>b<BR/>c", "a\nb\nc"),
            ("e<b>vi</b>l<span>.exa</span>mple", "evil.example"),
            ("a\n  b&nbsp; c", "a b c"),
            (
                "<head><title>t</title><style>s</style></head>a<script>x</script>b",
                "ab",
            ),
            (
                "&lt;a&gt; &amp;amp; &#104;&#x74;&#116 &unknown; & &;",
                "<a> &amp; htt &unknown; & &;",
            ),
            ("1 < 2 <3", "1 < 2 <3"),
            ("<p>a<p>b", "a\nb"),
            ("a<!-- x -->b", "ab"),
        ] {
            assert_eq!(marked(html), expected, "{html}");
        }
        assert_eq!(marked("<a>x</a><a>y</a>"), "\u{1f}x\u{1f}\u{1f}y\u{1f}");
    }
}
