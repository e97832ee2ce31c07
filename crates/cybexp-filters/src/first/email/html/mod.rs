//! The text of an HTML part, and its links.

mod links;
mod text;
mod tokens;

/// A page as it is searched for indicators.
pub(super) struct Page {
    /// The URLs that links, images, forms, style sheets and scripts name, in order, with repetitions.
    pub(super) links: Vec<String>,
    /// Other text in which there may be indicators: addresses that mail would go to, pages within URLs.
    pub(super) hidden: String,
    /// The text that a reader sees, with marks where links begin and end.
    pub(super) marked: String,
}

impl Page {
    /// The text, with its blocks on lines of their own.
    pub(super) fn text(&self) -> String {
        self.marked.replace(text::LINK, "")
    }
}

/// Reads the links and the text of a page.
pub(super) fn read(html: &str) -> Page {
    let links::Links { found, texts, .. } = links::links(html);
    Page {
        links: found,
        hidden: texts,
        marked: text::marked(html),
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
        assert!(page.hidden.contains("x@y.example"));
        assert!(page.marked.contains("https://e.example/."));
    }
}
