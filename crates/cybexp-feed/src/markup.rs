//! The text of a page for people, made fit to be shown.

/// The most characters of a text that are shown.
pub(crate) const SHOWN: usize = 200;

/// Returns the text of HTML or XML: the title, else the text without tags, scripts and styles.
pub(crate) fn markup(text: &str) -> String {
    // `lower` has the positions of `text`: only ASCII letters change
    let lower = text.to_ascii_lowercase();
    if let Some(open) = lower.find("<title") {
        let start = text[open..].find('>').map(|end| open + end + 1);
        let end = lower[open..].find("</title").map(|end| open + end);
        if let (Some(start), Some(end)) = (start, end)
            && let Some(title) = text
                .get(start..end)
                .filter(|title| !title.trim().is_empty())
        {
            return entities(title);
        }
    }
    let mut shown = String::new();
    let mut at = 0;
    while let Some(open) = text[at..].find('<') {
        shown.push_str(&text[at..at + open]);
        shown.push(' ');
        let tag = at + open;
        let silent = ["<script", "<style", "<!--"]
            .iter()
            .zip(["</script", "</style", "-->"]);
        let mut silent = silent.filter(|(begin, _)| lower[tag..].starts_with(**begin));
        let from = match silent.next() {
            Some((_, end)) => lower[tag..].find(end).map_or(text.len(), |end| tag + end),
            None => tag,
        };
        at = text[from..]
            .find('>')
            .map_or(text.len(), |end| from + end + 1);
        if shown.len() > 4 * SHOWN {
            break;
        }
    }
    shown.push_str(text.get(at..).unwrap_or_default());
    entities(&shown)
}

/// Returns the text of an answer that is a page for people, such as a login, a captcha or an error; `None` if it is no page.
/// An answer that is declared as HTML and does not begin with `<` is no page, because many servers declare everything so.
pub fn html(body: &[u8], kind: &str) -> Option<String> {
    let text = String::from_utf8_lossy(&body[..body.len().min(16 << 10)]);
    let mut rest = text.trim_start();
    // comments and declarations may stand before the first element
    while let Some((open, close)) = [("<!--", "-->"), ("<?", "?>")]
        .into_iter()
        .find(|(open, _)| rest.starts_with(open))
    {
        let Some(end) = rest.find(close).filter(|&end| end >= open.len()) else {
            break;
        };
        rest = rest[end + close.len()..].trim_start();
    }
    let begins = |word: &str| {
        rest.get(..word.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(word))
    };
    let kind = kind.trim().to_ascii_lowercase();
    let declared = kind.starts_with("text/html") || kind.starts_with("application/xhtml");
    let page = [
        "<!doctype html",
        "<html",
        "<head",
        "<body",
        "<script",
        "<meta",
    ];
    let page = page.into_iter().any(begins) || (declared && begins("<"));
    page.then(|| cleaned(&markup(&text)))
}

fn entities(text: &str) -> String {
    let known = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&nbsp;", " "),
        ("&amp;", "&"),
    ];
    known.iter().fold(text.to_owned(), |text, (name, means)| {
        text.replace(name, means)
    })
}

/// Makes text of a source fit for a log: one short line without control characters.
pub fn cleaned(text: &str) -> String {
    let text: String = text.chars().take(4 * SHOWN).collect();
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    let shown: String = words.join(" ").chars().take(SHOWN).collect();
    shown.trim_end().to_owned()
}
