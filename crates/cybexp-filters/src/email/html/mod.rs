//! What an HTML part says, and where its links lead.

mod links;
mod text;
mod tokens;

/// HTML as text, with its blocks on lines of their own.
pub(super) fn text(html: &str) -> String {
    text::marked(html).replace(text::LINK, "")
}

/// A page as it is searched for indicators.
pub(super) struct Page {
    /// The URLs that links, images, forms, style sheets and scripts name, in order, with repetitions.
    pub(super) links: Vec<String>,
    /// The text, and the addresses that mail would go to.
    pub(super) text: String,
}

/// Where a page leads, and its text.
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
