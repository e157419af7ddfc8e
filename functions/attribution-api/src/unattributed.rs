//! The conversions of a run that nothing is credited for, and why.

use std::collections::BTreeMap;

use api::fields::Page;
use api::views::ConversionView;
use api::{ApiError, Caller, Listed, Query, may};
use axum::extract::{Path, State};
use domain::identity::NodeId;
use domain::ids::{FactId, FactKind};
use domain::interaction::Field;
use domain::money::Money;
use domain::run::{AfterConversion, RunConfig, Seen};
use domain::time::{SECOND_MS, Timestamp};
use futures::{StreamExt, TryStreamExt, stream};
use schemars::JsonSchema;
use serde::Serialize;
use store::{Customers, Fact, Paging, Span, StoreError, StoredConversion, StoredInteraction, Tenant};

use crate::App;
use crate::results::{completed, page};

/// So many customers are looked at at once.
const ABREAST: usize = 8;

/// A conversion that nothing is credited for.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct UnattributedView {
    #[serde(flatten)]
    conversion: ConversionView,
    reason: Reason,
    /// The customer's last interaction before the conversion.
    #[schemars(example = &"int_3f2b8c1e5d7a5b0c9e4f6a1b2c3d4e5f")]
    last_interaction_id: Option<String>,
    /// How long before the conversion that began.
    #[schemars(example = 882_000)]
    last_interaction_seconds_before: Option<i64>,
}

/// Why nothing is credited, by what is known now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "UnattributedReason")]
enum Reason {
    /// It pays back what no touch is credited for: a conversion that is itself unattributed, is not known, is a refund, is
    /// in another currency, or was paid back before.
    PaysBackNothing,
    /// Nobody is known by what it names the customer by.
    NoCustomer,
    /// The customer has no interaction before it. One that names nobody belongs to no customer; what did not arrive or
    /// could not be read is found among the deliveries.
    NoInteraction,
    /// The customer's last interaction began longer before it than the run's `time_window_hours`, or those of its channel.
    OutsideWindow,
    /// The run's `include_channels` or `exclude_channels` leave the channel of the last interaction out.
    ChannelLeftOut,
    /// The run's campaigns or vendors leave the last interaction's out.
    LeftOut,
    /// The customer converted after the last interaction, and by the run's `after_conversion` only touches after that count.
    BeforeConversion,
    /// The last interaction arrived, or was found to be this customer's, after the run: a new run takes it.
    NewSinceRun,
}

/// The customer's last interaction before a conversion.
struct Last {
    id: FactId,
    began: Timestamp,
    channel: String,
    campaign: Option<String>,
    vendor_code: Option<String>,
    /// The run ends journeys at conversions, and the customer had one between this and the one in question.
    is_before_conversion: bool,
}

impl Last {
    fn of(stored: &StoredInteraction, began: Timestamp, is_before_conversion: bool) -> Self {
        let text = |field| stored.interaction.text(field).map(str::to_owned);
        Self {
            id: stored.id.clone(),
            began,
            channel: stored.interaction.channel().to_owned(),
            campaign: text(Field::UtmCampaign),
            vendor_code: text(Field::VendorCode),
            is_before_conversion,
        }
    }

    fn seen(&self) -> Seen<'_> {
        let (campaign, vendor_code) = (self.campaign.as_deref(), self.vendor_code.as_deref());
        Seen { channel: &self.channel, campaign, vendor_code }
    }
}

impl Reason {
    fn of(config: &RunConfig, occurred_at: Timestamp, last: Option<&Last>) -> Self {
        match last {
            None => Self::NoInteraction,
            Some(last) if last.began < config.window_start_of(&last.channel, occurred_at) => {
                Self::OutsideWindow
            }
            Some(last) if !config.counts_channel(&last.channel) => Self::ChannelLeftOut,
            Some(last) if !config.counts(last.seen()) => Self::LeftOut,
            Some(last) if last.is_before_conversion => Self::BeforeConversion,
            Some(_) => Self::NewSinceRun,
        }
    }
}

/// List the conversions that nothing is credited for, and why
pub(crate) async fn list_unattributed(
    State(app): State<App>,
    caller: Caller<may::AttributionView>,
    Path(run_id): Path<String>,
    query: Query<Page>,
) -> Result<Listed<UnattributedView>, ApiError> {
    let tenant = &caller.tenant;
    let run = completed(&app, tenant, &run_id).await?;
    let page = page(&app, tenant, &run, (false, query)).await?;
    let conversions = || page.items.iter().map(|item| &item.part.conversion);
    let ids: Vec<FactId> = conversions().map(|found| found.id.clone()).collect();
    let customers: BTreeMap<&FactId, Option<&NodeId>> =
        conversions().map(|found| (&found.id, found.customer_id.as_ref())).collect();
    let stored = app.access.table.conversions(tenant, &ids, app.access.clock.now()).await?;
    let customer_of = |stored: &StoredConversion| customers.get(&stored.id).copied().flatten();
    let of_customers = stored.iter().map(|stored| (stored, customer_of(stored)));
    let lasts = lasts(&app, tenant, &run.config, of_customers).await?;
    let views = stored.iter().map(|stored| {
        let (customer, last) = (customer_of(stored), lasts.get(&stored.id));
        let at = stored.conversion.occurred_at;
        let reason = match (&stored.conversion.refund_of, customer) {
            (Some(_), _) => Reason::PaysBackNothing,
            (None, None) => Reason::NoCustomer,
            (None, Some(_)) => Reason::of(&run.config, at, last),
        };
        UnattributedView {
            conversion: ConversionView::of(stored, customer.map(ToString::to_string)),
            reason,
            last_interaction_id: last.map(|last| last.id.to_string()),
            last_interaction_seconds_before: last.map(|last| (at.ms() - last.began.ms()) / SECOND_MS),
        }
    });
    Ok(Listed { items: views.collect(), next_cursor: page.next_cursor })
}

/// The last interaction before each conversion of a customer, if there is one.
async fn lasts<'a>(
    app: &App,
    tenant: &Tenant,
    config: &RunConfig,
    conversions: impl Iterator<Item = (&'a StoredConversion, Option<&'a NodeId>)> + Clone,
) -> Result<BTreeMap<FactId, Last>, StoreError> {
    let (table, now) = (&app.access.table, app.access.clock.now());
    let mut customers = Customers::of(table, tenant);
    customers.find(conversions.clone().filter_map(|(_, customer)| customer.cloned())).await?;
    let of_each = conversions.filter_map(|(stored, customer)| {
        let members = customers.known(customer?)?.members.clone();
        Some((stored.id.clone(), stored.conversion.occurred_at, members))
    });
    let facts = table.facts(tenant, now);
    let found = stream::iter(of_each.collect::<Vec<_>>()).map(|(id, to, members)| async move {
        let newest = |from| Paging { span: Span { from, to }, after: None, limit: 1, newest_first: true };
        let is_interaction = |fact: &Fact| fact.id.kind() == FactKind::Interaction;
        let page = facts.timeline(&members, newest(Span::ALL.from), is_interaction).await?;
        let Some(last) = page.items.into_iter().next() else { return Ok::<_, StoreError>(None) };
        let ends_before = |fact: &Fact| fact.time < to && ends_journeys(config, fact);
        let is_before_conversion = config.after_conversion == AfterConversion::Reset
            && !facts.timeline(&members, newest(last.time), ends_before).await?.items.is_empty();
        Ok(Some((id, (last, is_before_conversion))))
    });
    let found: Vec<_> = found.buffer_unordered(ABREAST).try_collect().await?;
    let found: BTreeMap<FactId, (Fact, bool)> = found.into_iter().flatten().collect();
    let ids: Vec<FactId> = found.values().map(|(fact, _)| fact.id.clone()).collect();
    let stored = table.interactions(tenant, &ids, now).await?;
    let stored: BTreeMap<_, _> = stored.iter().map(|stored| (&stored.id, stored)).collect();
    let last = |(conversion, (fact, is_before)): (FactId, (Fact, bool))| {
        Some((conversion, Last::of(stored.get(&fact.id)?, fact.time, is_before)))
    };
    Ok(found.into_iter().filter_map(last).collect())
}

fn ends_journeys(config: &RunConfig, fact: &Fact) -> bool {
    let wants = |amount: Money| {
        amount.minor >= 0 && config.wants(fact.event_type.as_deref().unwrap_or_default(), amount)
    };
    fact.id.kind() == FactKind::Conversion && fact.amount.is_some_and(wants)
}

#[cfg(test)]
mod tests {
    use domain::model::ModelCode;
    use domain::run::Filter;
    use domain::time::HOUR_MS;

    use super::*;

    #[test]
    fn the_last_interaction_before_it_tells_why() {
        let channels = Some(vec!["call".to_owned()]);
        let vendors = Filter { exclude: vec!["spam".to_owned()], ..Filter::default() };
        let usual = RunConfig::usual(ModelCode::Linear);
        let config = RunConfig { window_hours: 72, include_channels: channels, vendors, ..usual };
        let at = Timestamp::from_ms(1_000 * HOUR_MS);
        let last = |hours: i64, channel: &str| Last {
            id: FactId::from_bare(FactKind::Interaction, &"0".repeat(32)).unwrap(),
            began: at.plus_ms(-hours * HOUR_MS),
            channel: channel.to_owned(),
            campaign: None,
            vendor_code: (channel == "call").then(|| if hours == 1 { "spam" } else { "good" }.to_owned()),
            is_before_conversion: hours == 71,
        };
        for (last, reason) in [
            (None, Reason::NoInteraction),
            (Some(last(73, "call")), Reason::OutsideWindow),
            (Some(last(73, "email")), Reason::OutsideWindow),
            (Some(last(72, "email")), Reason::ChannelLeftOut),
            (Some(last(1, "call")), Reason::LeftOut),
            (Some(last(71, "call")), Reason::BeforeConversion),
            (Some(last(72, "call")), Reason::NewSinceRun),
        ] {
            assert_eq!(Reason::of(&config, at, last.as_ref()), reason);
        }
    }
}
