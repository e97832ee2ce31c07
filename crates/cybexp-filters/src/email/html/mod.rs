//! The text of an HTML part, and its links.

mod links;
mod text;
mod tokens;

/// Converts HTML to text, with each block on a line of its own.
pub(super) fn text(html: &str) -> String {
    text::marked(html).replace(text::LINK, "")
}

/// The parts of a page in which indicators are searched.
pub(super) struct Page {
    /// The URLs that links, images, forms, style sheets and scripts name, in order, with repetitions.
    pub(super) links: Vec<String>,
    /// The text, and the addresses in `mailto:` links.
    pub(super) text: String,
}

/// Reads the links and the text of a page.
pub(super) fn read(html: &str) -> Page {
    let links::Links {
        found, mut texts, ..
    } = links::links(html);
    texts.push('\n');
    texts.push_str(&text::marked(html));
    Page {
        links: found,
        text: texts,
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
        let page = read(&html);
        assert_eq!(
            page.links,
            [
                "https://a.example/?x=1&y=2",
                "//b.example/i.png",
                "hxxp://c[.]example/",
                "https://d.example/",
                "https://f.example/",
            ]
        );
        assert!(page.text.contains("x@y.example") && page.text.contains("https://e.example/."));
    }
}
