//! Parts of an event, and how many of them fit in one document.
//!
//! A MongoDB document may have 16 MiB, and an event refers to all instances below it with hashes of 64 digits, so some
//! 50,000 attributes fill one. Pieces are therefore packed, in their order, into as many documents as they need.

use tahoe_core::{Attribute, Hash, Node, Object, Scalar, SubType};

/// The result of one attribute or object of MISP.
#[derive(Default)]
pub(super) struct Piece {
    pub(super) nodes: Vec<Node>,
    /// Hashes of those nodes, and nodes within them, that are in malicious context.
    pub(super) malicious: Vec<Hash>,
    /// Attributes that stand on the event, in unknown context: hosts of URLs, tags.
    pub(super) beside: Vec<Attribute>,
    /// Upper bound of the bytes in a document, apart from escapes.
    plain: usize,
    /// Upper bound of the bytes that quotes, backslashes and characters beyond ASCII take in the canonical form of an
    /// attribute on the event. Each level escapes them anew: one character takes 8 bytes there, and 4 times as many
    /// with each object around it.
    escaped: usize,
}

/// Bytes for each node: its hash in `_cref`, `_ref` and `_mal_ref`, each an element of a BSON array, and its element in
/// the array of values.
const NODE_COST: usize = 3 * 80 + 24;

/// Bytes of an escaped character in an attribute on the event.
const ESCAPE_COST: usize = 8;

/// Factor by which [`ESCAPE_COST`] grows with each object around the attribute.
const ESCAPE_GROWTH: usize = 4;

impl Piece {
    /// Makes a piece of an attribute, in malicious context if it is flagged.
    pub(super) fn attribute(attribute: Attribute, flagged: bool) -> Self {
        let mut piece = Self::default();
        piece.malicious.extend(flagged.then(|| attribute.hash()));
        (piece.plain, piece.escaped) = costs(&attribute);
        piece.nodes.push(attribute.into());
        piece
    }

    /// Adds attributes that stand beside the piece on the event.
    pub(super) fn beside(mut self, attributes: impl IntoIterator<Item = Attribute>) -> Self {
        for attribute in attributes {
            let (plain, escaped) = costs(&attribute);
            self.plain += plain + escaped;
            self.beside.push(attribute);
        }
        self
    }

    /// Makes an object of these pieces, malicious if any part of it is; `None` if no such object is possible.
    pub(super) fn object(sub_type: SubType, pieces: Vec<Self>) -> Option<Self> {
        let Self {
            nodes,
            mut malicious,
            beside,
            plain,
            escaped,
        } = Self::all(pieces);
        let object = Object::new(sub_type, nodes).ok()?;
        if !malicious.is_empty() {
            malicious.push(object.hash());
        }
        Some(Self {
            nodes: vec![object.into()],
            malicious,
            beside,
            plain: plain + NODE_COST,
            escaped: escaped * ESCAPE_GROWTH,
        })
    }

    /// Returns an upper bound of the piece's bytes in an event's document and in its canonical form.
    pub(super) fn cost(&self) -> usize {
        self.cost_below(0)
    }

    /// Returns the same bound with this many more objects around the piece.
    pub(super) fn cost_below(&self, objects: u32) -> usize {
        self.plain + self.escaped * ESCAPE_GROWTH.pow(objects)
    }

    /// Joins these pieces into one.
    pub(super) fn all(pieces: Vec<Self>) -> Self {
        let mut all = Self::default();
        for piece in pieces {
            all.nodes.extend(piece.nodes);
            all.malicious.extend(piece.malicious);
            all.beside.extend(piece.beside);
            all.plain += piece.plain;
            all.escaped += piece.escaped;
        }
        all
    }
}

fn costs(attribute: &Attribute) -> (usize, usize) {
    let text = match attribute.data() {
        Scalar::Str(text) => text.as_str(),
        Scalar::Null | Scalar::Bool(_) | Scalar::Int(_) | Scalar::Float(_) => "",
    };
    let escaped = |c: &char| !matches!(c, ' '..='~') || matches!(c, '"' | '\\');
    let escaped = text.chars().filter(escaped).count();
    (NODE_COST + text.len(), escaped * ESCAPE_COST)
}

/// Groups pieces. A group costs at most `limit`, or is a single piece that costs more.
pub(super) fn pack(pieces: Vec<Piece>, limit: usize) -> Vec<Vec<Piece>> {
    let mut groups: Vec<Vec<Piece>> = Vec::new();
    let mut room = 0;
    for piece in pieces {
        match groups.last_mut() {
            Some(group) if piece.cost() <= room => {
                room -= piece.cost();
                group.push(piece);
            }
            _ => {
                room = limit.saturating_sub(piece.cost());
                groups.push(vec![piece]);
            }
        }
    }
    groups
}
