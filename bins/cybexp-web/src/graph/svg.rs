//! The picture of a graph as SVG.

use std::fmt::Write as _;

use maud::{Markup, PreEscaped, html};

use super::layout::places;
use super::model::{Graph, Kind, Node};
use crate::view::number::{counted, grouped};
use crate::view::text;

/// The most characters of a label.
const LABEL_CHARS: usize = 20;
/// The room around the outermost nodes, for their labels.
const MARGIN: [f64; 2] = [72.0, 32.0];
/// With more nodes than this, only those that connect have labels.
const ALL_LABELLED: usize = 90;

/// The colours of a picture that leaves the page, where there is no style sheet.
const ALONE: &str = include_str!("alone.css");

/// Draws the graph for a page.
pub(crate) fn picture(graph: &Graph, name: &str) -> Markup {
    draw(graph, name, None)
}

/// Draws the graph as a file of its own.
pub(crate) fn standalone(graph: &Graph, name: &str) -> String {
    let svg = draw(graph, name, Some(ALONE)).into_string();
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{svg}\n")
}

fn draw(graph: &Graph, name: &str, style: Option<&str>) -> Markup {
    let places = places(graph);
    let bounds = bounds(&places);
    let [x, y, width, height] = bounds;
    let mut degrees = vec![0_usize; graph.nodes.len()];
    for &(a, b) in &graph.edges {
        degrees[a] += 1;
        degrees[b] += 1;
    }
    let shows_label = |at: usize| {
        let node = &graph.nodes[at];
        graph.nodes.len() <= ALL_LABELLED
            || node.kind != Kind::Attribute
            || node.count > 1
            || degrees[at] > 1
    };
    // a larger picture has no room for more, and its page none for the hashes
    let expands = graph.nodes.len() <= ALL_LABELLED;
    html! {
        svg.graph.mid[width > 736.0].wide[width > 1800.0] xmlns="http://www.w3.org/2000/svg" role="group" aria-label=(name)
            viewBox=(format!("{x:.0} {y:.0} {width:.0} {height:.0}"))
            width=(format!("{width:.0}")) height=(format!("{height:.0}")) data-zoom[style.is_none()] {
            title { (name) }
            desc { (described(graph)) }
            @if let Some(style) = style { style { (PreEscaped(style)) } }
            path.edges d=(lines(graph, &places)) {}
            @for (n, node) in graph.nodes.iter().enumerate() {
                @let inner = drawn(node, shows_label(n));
                g.node.(node.class).(kind_class(node.kind)) transform=(format!("translate({} {})", at(places[n][0]), at(places[n][1]))) {
                    @match (&node.path, style) {
                        // links of a page lead nowhere from a file
                        (Some(path), None) => { a href=(path) data-hash=[node.hash.as_ref().filter(|_| expands)] { (inner) } }
                        _ => { (inner) }
                    }
                }
            }
        }
    }
}

/// Says in words what the picture shows.
pub(super) fn described(graph: &Graph) -> String {
    let count = |kind: Kind| -> u64 {
        let nodes = graph.nodes.iter().filter(|node| node.kind == kind);
        nodes.map(|node| node.count as u64).sum()
    };
    format!(
        "{}, {} and {} around the value; the lists below show the same",
        counted(count(Kind::Event), "event", "events"),
        counted(count(Kind::Session), "session", "sessions"),
        counted(count(Kind::Attribute), "other value", "other values"),
    )
}

fn drawn(node: &Node, labelled: bool) -> Markup {
    let title = match node.count {
        // the colour alone would tell the category
        1 if node.kind == Kind::Event => {
            let category = node.class.trim_start_matches("c-");
            format!("{category} {}", text::plain(&node.sub_type, 60))
        }
        1 => format!("{}: {}", node.sub_type, text::plain(&node.label, 120)),
        many => format!(
            "{} {} that are alike",
            grouped(many as u64),
            text::plain(&node.sub_type, 60)
        ),
    };
    let label = match node.count {
        1 => text::plain(&node.label, LABEL_CHARS),
        many => format!(
            "{} × {}",
            grouped(many as u64),
            text::plain(&node.label, LABEL_CHARS)
        ),
    };
    html! {
        title { (title) }
        @match node.kind {
            Kind::Subject => { circle r="13" {} }
            Kind::Attribute if node.count > 1 => { circle.many r="10" {} }
            Kind::Attribute => { circle r="7" {} }
            Kind::Event => { path d="M-8-8h16v16h-16z" {} }
            Kind::Session => { path d="M0-10L10 0L0 10L-10 0z" {} }
        }
        @if labelled { text y=(if node.kind == Kind::Subject { "26" } else { "21" }) { (label) } }
    }
}

/// Writes all edges as one path.
fn lines(graph: &Graph, places: &[[f64; 2]]) -> String {
    let mut path = String::with_capacity(graph.edges.len() * 24);
    for &(a, b) in &graph.edges {
        let ([x, y], [to_x, to_y]) = (places[a], places[b]);
        // writing to a String never fails
        let _ = write!(path, "M{x:.0} {y:.0}L{to_x:.0} {to_y:.0}");
    }
    path
}

fn kind_class(kind: Kind) -> &'static str {
    match kind {
        Kind::Subject => "k-subject",
        Kind::Attribute => "k-attribute",
        Kind::Event => "k-event",
        Kind::Session => "k-session",
    }
}

fn bounds(places: &[[f64; 2]]) -> [f64; 4] {
    let ends = |axis: usize| {
        let all = places.iter().map(|place| place[axis]);
        let least = all.clone().fold(f64::INFINITY, f64::min);
        let most = all.fold(f64::NEG_INFINITY, f64::max);
        match least <= most {
            true => (least - MARGIN[axis], most - least + 2.0 * MARGIN[axis]),
            false => (0.0, 1.0),
        }
    };
    let ((x, width), (y, height)) = (ends(0), ends(1));
    [x, y, width, height]
}

fn at(place: f64) -> String {
    format!("{place:.0}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn star(leaves: usize) -> Graph {
        let node = |kind, label: String| Node {
            kind,
            class: "f-address",
            sub_type: "ipv4".to_owned(),
            label,
            count: 1,
            path: Some("/value?type=ipv4".to_owned()),
            hash: None,
        };
        let mut graph = Graph::default();
        graph.nodes.push(node(Kind::Subject, "center".to_owned()));
        for n in 1..=leaves {
            graph.nodes.push(node(Kind::Attribute, format!("leaf {n}")));
            graph.edges.push((0, n));
        }
        graph
    }

    #[test]
    fn the_same_graph_gives_the_same_picture() {
        let one = picture(&star(40), "a").into_string();
        assert_eq!(one, picture(&star(40), "a").into_string());
        assert_eq!(one.matches("<circle").count(), 41);
        assert_eq!(one.matches('L').count(), 40, "an edge for each leaf: {one}");
        assert!(one.contains("leaf 40"));
    }

    #[test]
    fn no_two_nodes_are_in_one_place() {
        let places = places(&star(299));
        for (n, a) in places.iter().enumerate() {
            assert!(a[0].is_finite() && a[1].is_finite());
            for b in &places[..n] {
                let apart = (a[0] - b[0]).hypot(a[1] - b[1]);
                assert!(apart > 12.0, "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn labels_are_text_and_cut() {
        let mut graph = star(1);
        graph.nodes[1].label = format!("</text><script>{}\u{202e}", "x".repeat(1 << 20));
        let svg = picture(&graph, "<name>").into_string();
        assert!(!svg.contains("<script>") && !svg.contains("<name>"));
        assert!(svg.len() < 5000, "{}", svg.len());
        let file = standalone(&graph, "a");
        assert!(file.starts_with("<?xml") && file.contains("<style>") && !file.contains("<a "));
        // XML has no attribute without a value
        assert!(svg.contains(" data-zoom>") && !file.contains("data-zoom"));
    }

    #[test]
    fn an_empty_graph_is_drawn() {
        assert!(
            picture(&Graph::default(), "nothing")
                .into_string()
                .contains("<svg")
        );
    }
}
