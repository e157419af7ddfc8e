//! What came of the story, as tables that people want to look at.

use std::cmp::Reverse;

use comfy_table::{Cell, CellAlignment, LineStyle, Table, presets};
use domain::model::ModelCode;
use domain::time::Day;
use futures::future::{try_join, try_join_all};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::{Instant, sleep};

use super::client::{Client, DemoError};
use super::story::{CALLS, CONVERSIONS, Story};
use super::{PATIENCE, POLL_EVERY};

/// How many rows are shown by themselves.
const SHOWN: usize = 8;

/// The model by which rows are ordered, and whose conversions and rates are shown.
const MAIN: ModelCode = ModelCode::TimeDecay;

/// What every model gives each agent and vendor.
#[derive(Debug)]
pub struct Standings {
    first: Day,
    last: Day,
    /// Interactions besides calls.
    touches: usize,
    agents: Compared,
    vendors: Compared,
}

/// One report by all models.
#[derive(Debug)]
struct Compared(Vec<(ModelCode, Report)>);

#[derive(Debug, Deserialize)]
struct Report {
    rows: Vec<Row>,
    totals: Row,
}

/// A row, or what all of them come to.
#[derive(Debug, Deserialize)]
struct Row {
    #[serde(default, alias = "agent_id", alias = "vendor_code")]
    name: Option<String>,
    attributed_revenue: Box<RawValue>,
    unattributed_revenue: Option<Box<RawValue>>,
    conversions: u64,
    conversion_rate: Option<f64>,
    total_interactions: u64,
}

impl Standings {
    pub(super) async fn read(
        client: &Client<'_>,
        story: &Story,
        runs: &[(ModelCode, String)],
    ) -> Result<Self, DemoError> {
        let days = days(story.first, story.last);
        let interactions = (CALLS + story.touches.len()) as u64;
        let since = Instant::now();
        let path = format!("/v1/analytics/agents/revenue?{days}");
        while client.get::<Report>(&path).await?.totals.total_interactions < interactions {
            if since.elapsed() > PATIENCE {
                return Err(DemoError::Unread);
            }
            sleep(POLL_EVERY).await;
        }
        let compared = async |report: &str| {
            let reports = runs.iter().map(async |(model, run)| {
                let path = format!("/v1/analytics/{report}?{days}&run_id={run}");
                Ok::<_, DemoError>((*model, client.get::<Report>(&path).await?))
            });
            Ok::<_, DemoError>(Compared(try_join_all(reports).await?))
        };
        let (agents, vendors) = try_join(compared("agents/revenue"), compared("vendors/comparison")).await?;
        Ok(Self { first: story.first, last: story.last, touches: story.touches.len(), agents, vendors })
    }

    /// The days, as the API is asked for them.
    pub fn days(&self) -> String {
        days(self.first, self.last)
    }

    pub fn show(&self) -> String {
        let Self { first, last, touches, agents, vendors } = self;
        format!(
            "Tenant demo, {first} to {last}: {} calls and {} other touches, {CONVERSIONS} conversions in USD and EUR.\n\
             What agents and vendors earned by each model, in whole USD:\n\n{}\n{}\n",
            grouped(CALLS as u64),
            grouped(*touches as u64),
            agents.table("Agent").trim_fmt(),
            vendors.table("Vendor").trim_fmt(),
        )
    }
}

fn days(first: Day, last: Day) -> String {
    format!("start_date={first}&end_date={last}")
}

impl Compared {
    fn table(&self, heading: &str) -> Table {
        let mut table = Table::new();
        table.load_style(presets::UTF8_HORIZONTAL_ONLY.row_separator(LineStyle::none()));
        let models = self.0.iter().map(|(model, _)| model.code().replace('_', "\n"));
        table.set_header(
            [heading, "Touches", "Conversions", "Rate"].map(str::to_owned).into_iter().chain(models),
        );
        let (nobody, mut rows): (Vec<_>, Vec<_>) =
            self.main().into_iter().partition(|row| row.name.is_none());
        rows.sort_by_key(|row| Reverse(minor(&row.attributed_revenue)));
        let (shown, others) = rows.split_at(rows.len().min(SHOWN));
        for row in shown {
            table.add_row(self.line(row.name.as_deref().unwrap_or_default(), &[row]));
        }
        if !others.is_empty() {
            table.add_row(self.line(&format!("{} others", others.len()), others));
        }
        table.add_row(self.line(&format!("no {}", heading.to_lowercase()), &nobody));
        let missed =
            |(_, report): &(_, Report)| report.totals.unattributed_revenue.as_deref().map_or(0, minor);
        table.add_row(line("unattributed", ["", "", ""].map(str::to_owned), self.0.iter().map(missed)));
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table
    }

    fn main(&self) -> Vec<&Row> {
        let main = self.0.iter().find(|(model, _)| *model == MAIN);
        main.into_iter().flat_map(|(_, report)| &report.rows).collect()
    }

    /// One line for these rows; of several, conversions are not counted, since some may be the same.
    fn line(&self, name: &str, rows: &[&Row]) -> Vec<Cell> {
        let touches = grouped(rows.iter().map(|row| row.total_interactions).sum());
        let counts = match rows {
            [row] => {
                let rate = row.conversion_rate.map(percent).unwrap_or_default();
                [touches, grouped(row.conversions), rate]
            }
            _ => [touches, String::new(), String::new()],
        };
        let names: Vec<_> = rows.iter().map(|row| &row.name).collect();
        let earned = self.0.iter().map(|(_, report)| {
            let of_these = report.rows.iter().filter(|row| names.contains(&&row.name));
            of_these.map(|row| minor(&row.attributed_revenue)).sum()
        });
        line(name, counts, earned)
    }
}

fn line(name: &str, counts: [String; 3], earned: impl Iterator<Item = i64>) -> Vec<Cell> {
    let texts = [name.to_owned()].into_iter().chain(counts).chain(earned.map(units));
    texts.map(Cell::new).collect()
}

/// The smallest units of an amount with two decimals, as the API writes it.
fn minor(amount: &RawValue) -> i64 {
    amount.get().replace('.', "").parse().unwrap_or_default()
}

/// Rounded to whole units.
fn units(minor: i64) -> String {
    grouped(u64::try_from((minor + 50) / 100).unwrap_or_default())
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_people_read_them() {
        assert_eq!([0, 999, 1_000, 12_345_678].map(grouped), ["0", "999", "1,000", "12,345,678"]);
        assert_eq!([49, 50, 123_449].map(units), ["0", "1", "1,234"]);
        assert_eq!(percent(0.3456), "34.6 %");
    }
}
