//! The URLs that an HTML page leads to or loads.

use std::borrow::Cow;
use std::collections::HashSet;

use super::text::unescaped;
use super::tokens::{HtmlToken, HtmlTokens, attributes};
use crate::first::email::{decode, redirect};
use crate::url;

/// The most nested pages, each within a `data:` URL of another.
const DEPTH: usize = 3;

/// Returns the URLs in tags, style sheets and scripts, in order, with repetitions.
pub(super) fn links(html: &str) -> Links {
    let mut links = Links::default();
    links.page(html, 0);
    links
}

#[derive(Default)]
pub(super) struct Links {
    pub(super) found: Vec<String>,
    /// Texts to search for further indicators: addresses of `mailto:`, and the text of pages within URLs.
    pub(super) texts: String,
    /// The URL to which links without a host are relative.
    base: Option<::url::Url>,
}

impl Links {
    fn page(&mut self, html: &str, depth: usize) {
        for token in HtmlTokens::of(html) {
            match token {
                // Some mail programs show the content of comments.
                HtmlToken::Comment(comment) => {
                    for token in HtmlTokens::of_comment(comment) {
                        self.token(token, depth);
                    }
                }
                token => self.token(token, depth),
            }
        }
    }

    fn token(&mut self, token: HtmlToken<'_>, depth: usize) {
        match token {
            HtmlToken::Open(tag, text) => {
                let tag = tag.to_ascii_lowercase();
                for (name, value) in attributes(text) {
                    // Below a base, any word is a link.
                    if self.base.is_none() && !may_lead(value) {
                        continue;
                    }
                    self.attribute(&tag, &name.to_ascii_lowercase(), &unescaped(value), depth);
                }
            }
            HtmlToken::Raw(name, style) if name.eq_ignore_ascii_case("style") => {
                self.style(style, depth)
            }
            HtmlToken::Raw(name, script) if name.eq_ignore_ascii_case("script") => {
                self.script(script)
            }
            HtmlToken::Raw(..)
            | HtmlToken::Text(_)
            | HtmlToken::Close(_)
            | HtmlToken::Comment(_) => {}
        }
    }

    fn attribute(&mut self, tag: &str, name: &str, value: &str, depth: usize) {
        match name {
            "href" if tag == "base" => {
                self.base = ::url::Url::parse(value.trim()).ok();
                self.link(value, true, depth);
            }
            "href" | "action" | "formaction" | "xlink:href" | "data-href" => {
                self.link(value, true, depth)
            }
            "src" | "background" | "data" | "cite" | "longdesc" | "poster" | "ping"
            | "manifest" | "lowsrc" | "dynsrc" | "codebase" | "data-src" | "data-url" | "icon" => {
                self.link(value, false, depth)
            }
            "srcset" | "imagesrcset" => {
                let candidates = value.split(|c: char| c.is_whitespace() || c == ',');
                for candidate in candidates.filter(|word| !is_descriptor(word)) {
                    self.link(candidate, false, depth);
                }
            }
            "style" => self.style(value, depth),
            "content" if tag == "meta" => self.refresh(value, depth),
            // Names of vocabularies look like URLs but lead nowhere.
            "itemtype" | "vocab" | "prefix" | "profile" | "typeof" => {}
            _ if name.starts_with("xmlns") => {}
            _ => self.script(value),
        }
    }

    /// Adds the value of an attribute that is a URL. With `leads`, also one without a scheme, as people write links.
    fn link(&mut self, value: &str, leads: bool, depth: usize) {
        // Browsers drop line ends and tabs in a URL, and blanks around it.
        let value = value.replace(['\r', '\n', '\t'], "");
        let value = value.trim_matches(|c: char| c <= ' ' || c.is_whitespace());
        let scheme = value
            .split_once(':')
            .map(|(scheme, _)| scheme.to_ascii_lowercase());
        match scheme.as_deref() {
            Some("data") => self.embedded(value, depth),
            Some("javascript" | "vbscript") => self.script(value),
            Some("mailto") => {
                self.texts.push('\n');
                self.texts.push_str(&value["mailto:".len()..]);
            }
            Some("cid" | "tel" | "about" | "file") => {}
            _ if url::is_absolute(value) => self.found.push(value.to_owned()),
            _ if leads && is_host(value) => self.found.push(value.to_owned()),
            _ => {
                let base = self
                    .base
                    .as_ref()
                    .filter(|_| !value.is_empty() && !value.starts_with('#'));
                let joined = base.and_then(|base| base.join(value).ok());
                self.found.extend(joined.map(String::from));
            }
        }
    }

    /// Adds the URL of a refresh: `5; url='http://a.example/'`.
    fn refresh(&mut self, value: &str, depth: usize) {
        let lower = value.to_ascii_lowercase();
        match lower
            .find("url")
            .filter(|at| lower[at + 3..].trim_start().starts_with('='))
        {
            Some(at) => {
                let (_, target) = value[at..].split_once('=').unwrap_or_default();
                let target = target.trim();
                let quote = target.chars().next().filter(|c| matches!(c, '"' | '\''));
                let target = match quote {
                    Some(quote) => target[1..].split(quote).next().unwrap_or_default(),
                    None => target,
                };
                self.link(target, true, depth);
            }
            None => self.script(value),
        }
    }

    /// Adds the URLs of a style sheet: `url(…)` and `@import "…"`.
    fn style(&mut self, style: &str, depth: usize) {
        let mut rest = style;
        while let Some((_, after)) = rest.split_once("url(") {
            let end = after.find(')').unwrap_or(after.len());
            let target = after[..end].trim().trim_matches(['"', '\'']);
            self.link(target, false, depth);
            rest = &after[end..];
        }
        if let Some((_, imported)) = style.split_once("@import") {
            self.script(imported);
        }
    }

    /// Adds URLs in a script or other text that is no page; slashes may be escaped there.
    fn script(&mut self, script: &str) {
        let script = match script.contains("\\/") {
            true => Cow::Owned(script.replace("\\/", "/")),
            false => Cow::Borrowed(script),
        };
        let seen: HashSet<&str> = url::find(&script).map(before_path).collect();
        self.found.extend(url::find(&script).map(str::to_owned));
        let hidden = redirect::hidden(&script);
        self.found
            .extend(hidden.filter(|url| url::is_absolute(url)));
        if let Some(plain) = unescaped_script(&script) {
            // a URL in plain sight may have escapes in its path, and is not another one for that
            let hidden = url::find(&plain).filter(|url| !seen.contains(before_path(url)));
            self.found.extend(hidden.map(str::to_owned));
        }
    }

    /// Reads a page within a URL: `data:text/html;base64,…`.
    fn embedded(&mut self, value: &str, depth: usize) {
        let Some((head, content)) = value.split_once(',').filter(|_| depth < DEPTH) else {
            return;
        };
        let head = head.to_ascii_lowercase();
        if !["html", "svg", "xml"]
            .iter()
            .any(|kind| head.contains(kind))
        {
            return;
        }
        let bytes = decode::percent(content);
        let bytes = if head.ends_with(";base64") {
            decode::base64(&bytes)
        } else {
            bytes
        };
        let page = decode::text(&bytes, None, true);
        self.page(&page, depth + 1);
        self.texts.push('\n');
        self.texts.push_str(&super::text::marked(&page));
    }
}

/// Returns the scheme and host of a URL, as they are written.
fn before_path(url: &str) -> &str {
    let host = url.find("//").map_or(0, |at| at + 2);
    let end = url[host..].find(['/', '?', '#']);
    end.map_or(url, |end| &url[..host + end])
}

/// A script with its `%3A`, `\x3a` and `\u003a` as the characters that they stand for; `None` if it has few of them, as of
/// `unescape("%3Ca%20href…")`.
fn unescaped_script(script: &str) -> Option<String> {
    /// The fewest escapes of a hidden URL: a single one is a blank.
    const ESCAPES: usize = 2;
    let escapes = ["%", "\\x", "\\u00"].map(|mark| script.matches(mark).count());
    if escapes.iter().all(|number| *number < ESCAPES) {
        return None;
    }
    let script = script.replace("\\u00", "%").replace("\\x", "%");
    Some(String::from_utf8_lossy(&decode::percent(&script)).into_owned())
}

/// Whether a value can name a URL, a file or an address: most are measures, colours and names of classes.
fn may_lead(value: &str) -> bool {
    let tells = |b| {
        matches!(
            b,
            b'.' | b':' | b'/' | b'\\' | b'_' | b'[' | b'(' | b'{' | b'&' | b'@'
        )
    };
    value.bytes().any(tells)
}

/// Whether a word of a `srcset` describes the size of the image before it: `2x`, `640w`.
fn is_descriptor(word: &str) -> bool {
    let number = word.strip_suffix(['x', 'w', 'h']);
    number.is_some_and(|number| number.parse::<f32>().is_ok())
}

/// Whether a link without a scheme begins with a host; mail programs put `http://` before it. The name of a file looks
/// alike, except for its ending.
fn is_host(value: &str) -> bool {
    const FILES: [&str; 30] = [
        "htm", "html", "shtml", "xhtml", "php", "asp", "aspx", "jsp", "jspx", "do", "cgi", "css",
        "js", "json", "xml", "png", "gif", "jpg", "jpeg", "bmp", "svg", "ico", "webp", "pdf",
        "doc", "docx", "xls", "xlsx", "txt", "eml",
    ];
    let host = value.split(['/', '?', '#', ':']).next().unwrap_or_default();
    let Some((name, ending)) = host.rsplit_once('.') else {
        return false;
    };
    let is_name = !name.is_empty()
        && !name.starts_with('.')
        && host
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '.' | '-'));
    let is_ending = ending.chars().count() >= 2
        && ending.chars().any(char::is_alphabetic)
        && !FILES.iter().any(|file| ending.eq_ignore_ascii_case(file));
    is_name && (is_ending || host.parse::<std::net::Ipv4Addr>().is_ok())
}
