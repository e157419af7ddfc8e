//! The audit log: who changed what of attributions, and when.

use api::fields::{Limit, NextCursor};
use api::views::Moment;
use api::{Access, ApiError, Caller, Cursors, Listed, Query, may};
use axum::extract::State;
use domain::rule::Rule;
use domain::time::Day;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;
use store::{Audited, Paging, Span};

/// What a caller does now.
pub(crate) fn audited<P>(
    access: &Access,
    caller: &Caller<P>,
    (action, subject): (&str, &str),
    detail: &serde_json::Value,
) -> Audited {
    Audited {
        audit_id: access.clock.mint("aud"),
        at: access.clock.now(),
        by: caller.principal.credential.id().to_owned(),
        action: action.to_owned(),
        subject: subject.to_owned(),
        detail: detail.to_string(),
    }
}

/// Something that was done.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct AuditView {
    #[schemars(example = &"aud_018d0e0a7b7c7d008000000000000001")]
    audit_id: String,
    at: Moment,
    /// The credential that did it
    #[schemars(example = &"key_018d0e0a7b7c7d008000000000000001")]
    by: String,
    #[schemars(example = &"attribution.status")]
    action: String,
    /// The id of what it was done to
    subject: String,
    /// What changed
    #[schemars(with = "std::collections::BTreeMap<String, serde_json::Value>")]
    detail: Box<RawValue>,
}

/// Which entries are listed.
#[derive(JsonSchema)]
#[schemars(extend("x-rules" = [Rule::DaysInOrder]))]
#[expect(dead_code, reason = "it describes what is read below")]
pub(crate) struct ListAudit {
    /// The first day, in the tenant's time zone; when the tenant's facts begin unless given
    start_date: Option<Day>,
    /// The last day
    end_date: Option<Day>,
    limit: Option<Limit>,
    cursor: Option<NextCursor>,
}

/// List who changed what of attributions, newest first
pub(crate) async fn list_audit(
    State(access): State<Access>,
    caller: Caller<may::AuditView>,
    mut query: Query<ListAudit>,
) -> Result<Listed<AuditView>, ApiError> {
    let (tenant, now) = (&caller.tenant, access.clock.now());
    let span = query.span(tenant.settings.zone());
    let limit = query.limit();
    let cursors = Cursors::of(tenant, format!("audit|{span:?}"));
    let after = cursors.position(&mut query)?;
    query.finish()?;
    let span = Span { from: span.from.max(tenant.settings.kept_from(now)), ..span };
    let paging = Paging { span, after: after.as_ref(), limit, newest_first: true };
    let page = access.table.audit(tenant, paging, now).await?;
    let view = |audited: Audited| AuditView {
        audit_id: audited.audit_id,
        at: Moment(audited.at),
        by: audited.by,
        action: audited.action,
        subject: audited.subject,
        detail: api::views::raw(&audited.detail),
    };
    Ok(Listed {
        items: page.items.into_iter().map(view).collect(),
        next_cursor: page.next.map(|position| cursors.seal(&position)),
    })
}
