package status

import (
	"fmt"
	"strings"

	"github.com/sitefence/sitefence/internal/history"
	"github.com/sitefence/sitefence/internal/screen"
)

// Show draws the status on a screen that is no JSON.
func (s Status) Show(out *screen.Screen) error {
	if err := out.Rows(screen.Text(s.Deployment, clock(s.At)), []screen.Cell{{Text: s.Headline, Mark: mark(s.Level)}}, screen.Text("")); err != nil {
		return err
	}
	if len(s.Sites) > 0 {
		if err := out.Table([]string{"SITE", "IN THE ACCELERATOR", "HEALTH", "WEIGHT", "TARGETS", "REPLICATION"}, s.siteRows()); err != nil {
			return err
		}
		if err := out.Line(""); err != nil {
			return err
		}
	}
	return out.Rows(s.factRows()...)
}

func mark(l Level) screen.Mark {
	return map[Level]screen.Mark{OK: screen.Good, Warning: screen.Warning, Bad: screen.Bad}[l]
}

func (s Status) siteRows() (rows [][]screen.Cell) {
	for _, site := range s.Sites {
		var weights []string
		for _, w := range site.Weights {
			weights = append(weights, fmt.Sprint(w))
		}
		targets := ""
		if t := site.Targets; t != nil {
			targets = fmt.Sprintf("%d/%d", t.Healthy, t.Total)
		}
		rows = append(rows, []screen.Cell{
			{Text: string(site.Name)}, placeCell(site.Accelerator), healthCell(site.Health),
			{Text: dash(strings.Join(weights, ", "))}, {Text: dash(targets)}, replicationCell(site),
		})
	}
	return rows
}

func placeCell(p Place) screen.Cell {
	switch p {
	case In:
		return screen.Cell{Text: "yes", Mark: screen.Good}
	case Partly:
		return screen.Cell{Text: "in some listeners", Mark: screen.Bad}
	case NoTraffic:
		return screen.Cell{Text: "yes, without traffic", Mark: screen.Warning}
	case Out:
		return screen.Cell{Text: "no", Mark: screen.Bad}
	case NotKnown:
	}
	return screen.Cell{Text: "cannot be read", Mark: screen.Bad}
}

func healthCell(h Health) screen.Cell {
	switch h {
	case Healthy:
		return screen.Cell{Text: string(h), Mark: screen.Good}
	case Unhealthy:
		return screen.Cell{Text: string(h), Mark: screen.Bad}
	}
	return screen.Cell{Text: "-"}
}

func replicationCell(site Site) screen.Cell {
	var parts []string
	worst := screen.Good
	for _, r := range site.Replication {
		if r.Backup == UnknownBackup && r.Sees == UnknownSight {
			continue // the problem below says all there is to say
		}
		sees := map[Sight]string{Seen: "seen", NotSeen: "NOT SEEN", UnknownSight: "not known whether seen"}[r.Sees]
		parts = append(parts, fmt.Sprintf("to %s %s, %s", r.To, r.Backup, sees))
		if r.Backup != Online || r.Sees == UnknownSight {
			worst = max(worst, screen.Warning)
		}
		if r.Sees == NotSeen {
			worst = screen.Bad
		}
	}
	if site.Problem != "" {
		parts = append(parts, "cannot all be read: "+site.Problem)
		worst = screen.Bad
	}
	if len(parts) == 0 {
		return screen.Cell{Text: "-"}
	}
	return screen.Cell{Text: strings.Join(parts, "; "), Mark: worst}
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// factRows are what is not of one site.
func (s Status) factRows() (rows [][]screen.Cell) {
	add := func(what, text string, m screen.Mark) {
		rows = append(rows, []screen.Cell{{Text: what}, {Text: text, Mark: m}})
	}
	if a := s.Accelerator; a != nil && a.Problem == nil {
		m := screen.Good
		if a.Status != "DEPLOYED" || !a.Enabled {
			m = screen.Warning
		}
		add("accelerator", fmt.Sprintf("%s, %s, listeners: %d", dash(strings.Join(a.DNSNames, ", ")), a.Status, a.Listeners), m)
		for _, arn := range a.Unattributed {
			add("of no site", arn, screen.Warning)
		}
	}
	if a := s.Accelerator; a != nil && a.Problem != nil {
		add("accelerator", "cannot all be read: "+a.Problem.Text, screen.Bad)
	}
	switch {
	case s.Pause != nil:
		add("paused", fmt.Sprintf("until %s, by %s: %s", clock(s.Pause.Until), s.Pause.By, s.Pause.Reason), screen.Warning)
	case s.PauseProblem != "":
		add("paused", "no, for the switch is broken: "+s.PauseProblem, screen.Bad)
	case s.Accelerator != nil:
		add("paused", "no", screen.Plain)
	default:
		add("paused", "cannot be read", screen.Bad)
	}
	for _, r := range s.Running {
		add(string(r.Kind), Line(r), screen.Warning)
	}
	if s.LastFence != nil {
		m := screen.Plain
		if s.LastFence.Kind != history.Fenced {
			m = screen.Bad
		}
		add("last fence", Line(*s.LastFence), m)
	} else {
		add("last fence", "none seen", screen.Plain)
	}
	for _, p := range s.Problems {
		add("cannot be read", p, screen.Bad)
	}
	return rows
}

// Line is a row of the history in one line.
func Line(r history.Row) string {
	text := fmt.Sprintf("%s %s, %s", clock(r.When), r.Name(), r.Kind)
	if r.Site != "" {
		text += fmt.Sprintf(": %s, by %s", r.Site, r.Reporter)
	}
	if r.Reason != "" {
		text += ", " + string(r.Reason)
	}
	if r.DryRun {
		text += ", a rehearsal"
	}
	if r.State != "" {
		text += fmt.Sprintf(", in %s", r.State)
	}
	return text + fmt.Sprintf(", %.1f s", r.Seconds)
}
