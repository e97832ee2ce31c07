//! The description of a question's fields, made of the table that the reader has.

use std::borrow::Cow;

use tahoe_core::question::field::{FIELDS, FieldKind};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{
    AdditionalProperties, Object, ObjectBuilder, Schema, SchemaType, Type,
};
use utoipa::{PartialSchema, ToSchema};

/// The fields of a question, for the description only: a question is read from its canonical form.
pub(super) struct Fields;

impl ToSchema for Fields {
    fn name() -> Cow<'static, str> {
        "Fields".into()
    }
}

impl PartialSchema for Fields {
    fn schema() -> RefOr<Schema> {
        let about =
            "The fields of a question: either `sub_type` and `data` or `_hash`, and conditions.";
        let mut fields = ObjectBuilder::new()
            .schema_type(Type::Object)
            .description(Some(about))
            .additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)));
        for field in FIELDS {
            fields = fields.property(field.name, value(field.kind, field.about));
        }
        fields.build().into()
    }
}

/// Describes the values of one field. Every field may be `null`.
fn value(kind: FieldKind, about: &str) -> Object {
    let or_null = |kind| SchemaType::from_iter([kind, Type::Null]);
    let value = ObjectBuilder::new().description(Some(about));
    match kind {
        FieldKind::Text => value.schema_type(or_null(Type::String)),
        FieldKind::Hash => value
            .schema_type(or_null(Type::String))
            .pattern(Some("^[0-9A-Fa-f]{64}$")),
        FieldKind::Scalar | FieldKind::Time => value.schema_type(SchemaType::AnyValue),
        FieldKind::Integer { least, most } => value
            .schema_type(or_null(Type::Integer))
            .minimum(Some(least))
            .maximum(Some(most)),
        FieldKind::Bool => value.schema_type(or_null(Type::Boolean)),
    }
    .build()
}
