//! What an HTML part says, and where its links lead.

mod links;
mod text;
mod tokens;

use crate::url;

/// HTML as text, with its blocks on lines of their own.
pub(super) fn text(html: &str) -> String {
    text::marked(html).replace(text::LINK, "")
}

/// The URLs that links, images, forms, style sheets and scripts name, and those in the text.
pub(super) fn urls(html: &str) -> Vec<String> {
    let mut urls = links::links(html);
    urls.extend(url::find(&text::marked(html)).map(str::to_owned));
    urls
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
