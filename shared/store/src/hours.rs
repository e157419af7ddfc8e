//! Which hours hold facts. Planner and lists walk only these; nothing scans.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::ids::{FactKind, TenantId};
use domain::time::Hour;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::error::StoreError;
use crate::keys;
use crate::table::{Range, Sorted, Table};

/// Beyond this many remembered hours all are forgotten; each then costs one write again.
const MOST_REMEMBERED: usize = 50_000;

#[derive(Deserialize)]
struct MonthItem {
    sk: String,
    /// `ddhhmm` as numbers: a set that is added to without reading it.
    h: BTreeSet<u32>,
}

impl Table {
    /// Lists an hour, before a fact in it is acknowledged: a fact in an unlisted hour would never be found.
    pub(crate) async fn list_hour(
        &self,
        tenant: &TenantId,
        kind: FactKind,
        hour: Hour,
    ) -> Result<(), StoreError> {
        let name = hour.name();
        let known = format!("{}#{name}", keys::months(tenant, kind));
        if self.listed_hours.lock().unwrap_or_else(PoisonError::into_inner).contains(&known) {
            return Ok(());
        }
        let number = name[6..].trim_start_matches('0');
        let numbers = AttributeValue::Ns(vec![number.to_owned()]);
        let month = keys::month(tenant, kind, &hour.month());
        self.update::<IgnoredAny>(&month, "ADD h :hour", &[(":hour", numbers)]).await?;
        let mut listed = self.listed_hours.lock().unwrap_or_else(PoisonError::into_inner);
        if listed.len() >= MOST_REMEMBERED {
            listed.clear();
        }
        listed.insert(known);
        Ok(())
    }

    /// The months from `first` to `last` (`yyyymm` in UTC, both included) that hold facts, oldest first, each with
    /// its hours in order.
    pub async fn months(
        &self,
        tenant: &TenantId,
        kind: FactKind,
        first: &str,
        last: &str,
    ) -> Result<Vec<(String, Vec<Hour>)>, StoreError> {
        // A query from a later key to an earlier one is an error, not an empty answer.
        if first > last {
            return Ok(Vec::new());
        }
        let range = Range::of(keys::months(tenant, kind), Sorted::Between(first.to_owned(), last.to_owned()));
        let items: Vec<MonthItem> = self.query_all(&range).await?;
        let hours = |month: &MonthItem| {
            month.h.iter().filter_map(|number| Hour::parse(&format!("{}{number:06}", month.sk))).collect()
        };
        Ok(items.iter().map(|month| (month.sk.clone(), hours(month))).collect())
    }
}
