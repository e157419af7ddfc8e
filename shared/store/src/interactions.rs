//! Interactions: one item each, merged from deliveries and written only if nobody wrote meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use domain::identifier::Identifier;
use domain::ids::{ExternalId, FactId, FactKind};
use domain::interaction::{Cell, Field, Interaction, Section, SectionState, Value, Version};
use domain::rollup::Bucket;
use domain::source::Source;
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::keys;
use crate::table::{Consistency, Table, Unless, pause};
use crate::tenants::Tenant;

/// Which interaction is meant: a source, and what that source calls it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct About {
    pub source: Source,
    pub external_id: ExternalId,
}

impl About {
    pub fn id(&self, tenant: &Tenant) -> FactId {
        FactId::interaction(&tenant.id, self.source, &self.external_id)
    }
}

/// Which delivery told a version first. It leads to what came, and decides nothing.
pub type Tellers = BTreeMap<Version, String>;

/// What is to be merged into: an interaction, and who tells of it.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    pub about: &'a About,
    pub by: &'a Tellers,
}

/// An interaction as stored.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredInteraction {
    pub id: FactId,
    pub about: About,
    pub interaction: Interaction,
    /// The deliveries that told what the sections told last; our API's own sections have none.
    pub told_by: BTreeMap<Section, String>,
    /// When it was first stored.
    pub received_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    expires_at: i64,
    revision: u64,
}

impl StoredInteraction {
    fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at <= now.ms() / 1_000
    }

    /// Whether there is anything to read: what was withdrawn is kept only so that nothing told of it later brings it back.
    fn is_there(&self, now: Timestamp) -> bool {
        !self.is_expired(now) && !self.interaction.is_withdrawn()
    }
}

impl Table {
    pub async fn interaction(
        &self,
        tenant: &Tenant,
        id: &FactId,
        now: Timestamp,
    ) -> Result<Option<StoredInteraction>, StoreError> {
        let item: Option<InteractionItem> = self.get(&keys::fact(&tenant.id, id)).await?;
        Ok(item.map(StoredInteraction::try_from).transpose()?.filter(|stored| stored.is_there(now)))
    }

    /// One that was withdrawn.
    pub async fn withdrawn(
        &self,
        tenant: &Tenant,
        id: &FactId,
        now: Timestamp,
    ) -> Result<Option<StoredInteraction>, StoreError> {
        let item: Option<InteractionItem> = self.get(&keys::fact(&tenant.id, id)).await?;
        let stored = item.map(StoredInteraction::try_from).transpose()?;
        Ok(stored.filter(|stored| !stored.is_expired(now) && !stored.is_there(now)))
    }

    /// Reads many by id, in the order asked for; those that are gone or expired are left out.
    pub async fn interactions(
        &self,
        tenant: &Tenant,
        ids: &[FactId],
        now: Timestamp,
    ) -> Result<Vec<StoredInteraction>, StoreError> {
        let wanted: Vec<_> = ids.iter().map(|id| keys::fact(&tenant.id, id)).collect();
        let items: Vec<InteractionItem> = self.get_many(&wanted).await?;
        let mut found = BTreeMap::new();
        for item in items {
            let stored = StoredInteraction::try_from(item)?;
            if stored.is_there(now) {
                found.insert(stored.id.clone(), stored);
            }
        }
        Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
    }

    /// The interactions that belong to a bucket now.
    ///
    /// The index may still name one that has moved to another hour: what the item itself says decides.
    pub async fn interactions_of(
        &self,
        tenant: &Tenant,
        bucket: &Bucket,
        now: Timestamp,
    ) -> Result<Vec<StoredInteraction>, StoreError> {
        let listed = self.facts(tenant, now).of_bucket(bucket).await?;
        let wanted: Vec<_> = listed.iter().map(|fact| keys::fact(&tenant.id, &fact.id)).collect();
        let mut items: Vec<InteractionItem> = self.get_many(&wanted).await?;
        items.retain(|item| item.g2p.as_ref() == Some(&keys::hour(bucket)));
        let stored = items.into_iter().map(StoredInteraction::try_from);
        let stored: Vec<_> = stored.collect::<Result<_, _>>()?;
        Ok(stored.into_iter().filter(|stored| stored.is_there(now)).collect())
    }

    /// Reads strongly, lets `decide` make a new state of what is there, and writes it if it differs and nobody wrote
    /// meanwhile; else tries again.
    ///
    /// Before the interaction is written, everything observed in it is linked and its hour is listed: a reader who
    /// finds it finds those, and a crash in between is repaired by the retry.
    pub async fn merge_interaction<R>(
        &self,
        tenant: &Tenant,
        about: &About,
        now: Timestamp,
        decide: impl Fn(&Interaction) -> (Interaction, R),
    ) -> Result<(StoredInteraction, R), StoreError> {
        self.merge_told(tenant, Told { about, by: &Tellers::new() }, now, decide).await
    }

    /// As [`Table::merge_interaction`], for what deliveries told: they only ever add, so that what changes nothing in an
    /// earlier state changes nothing in the latest, and an earlier one may be read first. What else it would have
    /// missed, the condition of the write finds out.
    pub async fn merge_told<R>(
        &self,
        tenant: &Tenant,
        told: Told<'_>,
        now: Timestamp,
        decide: impl Fn(&Interaction) -> (Interaction, R),
    ) -> Result<(StoredInteraction, R), StoreError> {
        let id = told.about.id(tenant);
        let key = keys::fact(&tenant.id, &id);
        for attempt in 0.. {
            let item: Option<InteractionItem> = match attempt == 0 && !told.by.is_empty() {
                true => self.get_as(&key, Consistency::Eventual).await?,
                false => self.get(&key).await?,
            };
            let stored = item.map(StoredInteraction::try_from).transpose()?;
            let revision = stored.as_ref().map_or(0, |stored| stored.revision + 1);
            // What has expired is gone, though it may not be deleted yet; its place is taken.
            let seen = stored.filter(|stored| !stored.is_expired(now));
            let before = seen.as_ref().map(|seen| seen.interaction.clone()).unwrap_or_default();
            let (after, outcome) = decide(&before);
            let next = StoredInteraction {
                id: id.clone(),
                about: told.about.clone(),
                told_by: told_by(&after, seen.as_ref(), told.by),
                received_at: seen.as_ref().map_or(now, |seen| seen.received_at),
                updated_at: now,
                expires_at: tenant.settings.expires_at(
                    after.started_at().unwrap_or(now),
                    seen.as_ref().map_or(now, |seen| seen.received_at),
                ),
                revision,
                interaction: after,
            };
            if let Some(seen) = seen.filter(|seen| seen.interaction == next.interaction) {
                return Ok((seen, outcome));
            }
            self.make_findable(tenant, (&before, &next.interaction), now).await?;
            let unless = if revision == 0 { Unless::Exists } else { Unless::Changed(revision - 1) };
            if self.put(&InteractionItem::new(tenant, &next), unless).await? {
                return Ok((next, outcome));
            }
            if pause(attempt).await.is_none() {
                break;
            }
        }
        Err(StoreError::Contended(id.to_string()))
    }

    /// Links what is newly observed in an interaction, and lists the hour that it begins in.
    async fn make_findable(
        &self,
        tenant: &Tenant,
        (before, after): (&Interaction, &Interaction),
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.link(tenant, (&after.observed(), &before.observed()), now).await?;
        match after.started_at().filter(|start| before.started_at() != Some(*start)) {
            Some(start) => {
                let hour = tenant.settings.zone().hour_of(start);
                self.list_hour(&tenant.id, FactKind::Interaction, hour).await
            }
            None => Ok(()),
        }
    }
}

/// Whoever told a section's version first stays its teller.
fn told_by(
    after: &Interaction,
    seen: Option<&StoredInteraction>,
    tellers: &Tellers,
) -> BTreeMap<Section, String> {
    let known = |section: &Section, version: Version| {
        let seen = seen.filter(|seen| {
            seen.interaction.sections.get(section).is_some_and(|before| before.version == version)
        });
        seen.and_then(|seen| seen.told_by.get(section))
    };
    let teller = |(section, state): (&Section, &SectionState)| {
        let teller = known(section, state.version).or_else(|| tellers.get(&state.version))?;
        Some((*section, teller.clone()))
    };
    after.sections.iter().filter_map(teller).collect()
}

/// A fact in a section: plain where it was told at the section's version.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum CellItem {
    Versioned {
        v: String,
        #[serde(default)]
        x: Option<Value>,
    },
    Plain(Option<Value>),
}

#[derive(Serialize, Deserialize)]
struct SectionItem {
    v: String,
    /// The delivery that told it, without the prefix that all deliveries' ids have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    d: Option<String>,
    #[serde(flatten)]
    cells: BTreeMap<String, CellItem>,
}

/// As stored, with short names: every write bills the whole item, and the budget counts on it staying under 1 kB.
#[derive(Serialize, Deserialize)]
struct InteractionItem {
    pk: String,
    sk: String,
    rv: u64,
    so: Source,
    xi: ExternalId,
    sx: BTreeMap<String, SectionItem>,
    /// Identifiers told once and corrected since: type digit and value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    su: Vec<String>,
    ra: Timestamp,
    ua: Timestamp,
    ttl: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    g1p: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    g1s: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    g2p: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    g2s: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ch: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ag: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tm: Option<String>,
}

/// One letter per section.
const fn letter(section: Section) -> &'static str {
    match section {
        Section::Started => "s",
        Section::Ended => "e",
        Section::Transcript => "t",
        Section::Intent => "i",
        Section::Api => "a",
        Section::Corrected => "c",
    }
}

impl InteractionItem {
    fn new(tenant: &Tenant, stored: &StoredInteraction) -> Self {
        let key = keys::fact(&tenant.id, &stored.id);
        let interaction = &stored.interaction;
        let start = interaction.started_at().filter(|_| !interaction.is_withdrawn());
        let anchor = start.and(interaction.anchor()).map(|anchor| tenant.identity().node(&anchor));
        let in_index = |field| start.and(interaction.text(field)).map(str::to_owned);
        Self {
            pk: key.pk,
            sk: key.sk,
            rv: stored.revision,
            so: stored.about.source,
            xi: stored.about.external_id.clone(),
            sx: interaction
                .sections
                .iter()
                .map(|(section, state)| {
                    let teller = stored.told_by.get(section);
                    (letter(*section).to_owned(), section_item(state, teller))
                })
                .collect(),
            su: interaction.superseded.iter().map(Identifier::to_code).collect(),
            ra: stored.received_at,
            ua: stored.updated_at,
            ttl: stored.expires_at,
            g1s: start.filter(|_| anchor.is_some()).map(|start| keys::in_timeline(start, &stored.id)),
            g1p: anchor.map(|anchor| keys::node(&tenant.id, &anchor)),
            g2p: start.map(|start| keys::hour(&tenant.bucket(&stored.id, start))),
            g2s: start.map(|start| keys::in_hour(start, &stored.id)),
            ch: start.map(|_| interaction.channel().to_owned()),
            vn: in_index(Field::VendorCode),
            ag: in_index(Field::AgentId),
            tm: in_index(Field::TeamId),
        }
    }
}

/// What the ids of deliveries begin with.
const DELIVERY: &str = "dlv_";

fn section_item(state: &SectionState, teller: Option<&String>) -> SectionItem {
    let cell = |cell: &Cell| match cell.version == state.version {
        true => CellItem::Plain(cell.value.clone()),
        false => CellItem::Versioned { v: cell.version.to_string(), x: cell.value.clone() },
    };
    let cells = state.cells.iter().map(|(field, told)| (field.code().to_owned(), cell(told))).collect();
    let d = teller.and_then(|teller| teller.strip_prefix(DELIVERY)).map(str::to_owned);
    SectionItem { v: state.version.to_string(), d, cells }
}

fn corrupt(pk: &str) -> StoreError {
    let error = <serde_dynamo::Error as serde::de::Error>::custom("not written by this version");
    StoreError::Corrupt(pk.to_owned(), Box::new(error))
}

impl TryFrom<InteractionItem> for StoredInteraction {
    type Error = StoreError;

    fn try_from(item: InteractionItem) -> Result<Self, StoreError> {
        let id = item.pk.rsplit('#').next().and_then(|bare| FactId::from_bare(FactKind::Interaction, bare));
        let id = id.ok_or_else(|| corrupt(&item.pk))?;
        let (mut sections, mut told_by) = (BTreeMap::new(), BTreeMap::new());
        // A section that a later version wrote would be lost at the next write: better not to write at all.
        if item.sx.keys().any(|written| Section::ALL.into_iter().all(|section| letter(section) != written)) {
            return Err(corrupt(&item.pk));
        }
        for section in Section::ALL {
            if let Some(stored) = item.sx.get(letter(section)) {
                sections.insert(section, section_state(stored).ok_or_else(|| corrupt(&item.pk))?);
                told_by.extend(stored.d.as_ref().map(|bare| (section, format!("{DELIVERY}{bare}"))));
            }
        }
        let superseded: BTreeSet<_> = item.su.iter().filter_map(|code| Identifier::of_code(code)).collect();
        Ok(Self {
            id,
            about: About { source: item.so, external_id: item.xi },
            interaction: Interaction { sections, superseded },
            told_by,
            received_at: item.ra,
            updated_at: item.ua,
            expires_at: item.ttl,
            revision: item.rv,
        })
    }
}

fn section_state(stored: &SectionItem) -> Option<SectionState> {
    let version = Version::parse(&stored.v)?;
    let mut cells = BTreeMap::new();
    for (code, cell) in &stored.cells {
        let cell = match cell {
            CellItem::Plain(value) => Cell { version, value: value.clone() },
            CellItem::Versioned { v, x } => Cell { version: Version::parse(v)?, value: x.clone() },
        };
        cells.insert(Field::of_code(code)?, cell);
    }
    Some(SectionState { version, cells })
}
