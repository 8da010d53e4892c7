package asl

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"sync"
	"unicode/utf8"

	jsonata "github.com/blues/jsonata-go"
)

// expression is a compiled JSONata expression, or the error of compiling it.
type expression struct {
	expr *jsonata.Expr
	err  error
}

// evaluating is held during an evaluation: the functions of the JSONata library
// are of the process and keep their context in themselves.
var evaluating sync.Mutex

// queryError is what AWS calls States.QueryEvaluationError.
type queryError struct{ text string }

func (e *queryError) Error() string { return e.text }

// evaluate fills in a field: every string `{% … %}` in it is an expression, the
// rest is literal.
func (d *Definition) evaluate(field json.RawMessage, vars map[string]any, random func() float64) (any, error) {
	var value any
	if err := json.Unmarshal(field, &value); err != nil {
		return nil, err
	}
	return d.fill(value, vars, random)
}

func (d *Definition) fill(value any, vars map[string]any, random func() float64) (any, error) {
	switch v := value.(type) {
	case string:
		source, ok := expressionIn(v)
		if !ok {
			return v, nil
		}
		return d.query(source, vars, random)
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, item := range v {
			filled, err := d.fill(item, vars, random)
			if err != nil {
				return nil, err
			}
			out[key] = filled
		}
		return out, nil
	case []any:
		out := make([]any, 0, len(v))
		for _, item := range v {
			filled, err := d.fill(item, vars, random)
			if err != nil {
				return nil, err
			}
			out = append(out, filled)
		}
		return out, nil
	default:
		return v, nil
	}
}

func expressionIn(text string) (string, bool) {
	inner, ok := strings.CutPrefix(text, "{%")
	if !ok {
		return "", false
	}
	inner, ok = strings.CutSuffix(inner, "%}")
	return inner, ok
}

// query evaluates one expression. An expression that yields nothing fails, as
// on AWS.
func (d *Definition) query(source string, vars map[string]any, random func() float64) (any, error) {
	evaluating.Lock()
	defer evaluating.Unlock()
	e, ok := d.compiled[source]
	if !ok {
		e = &expression{}
		if e.expr, e.err = jsonata.Compile(source); e.err == nil {
			d.compiled[source] = e
		}
	}
	if e.err != nil {
		return nil, &queryError{fmt.Sprintf("%q: %v", source, e.err)}
	}
	// A copy: what is registered stays, and the next execution must not see it.
	expr := *e.expr
	if err := expr.RegisterExts(map[string]jsonata.Extension{"random": {Func: random}}); err != nil {
		return nil, err
	}
	if err := expr.RegisterVars(vars); err != nil {
		return nil, err
	}
	result, err := expr.Eval(nil)
	if err != nil {
		return nil, &queryError{fmt.Sprintf("%q: %v", source, err)}
	}
	return plain(result)
}

// plain makes of a value what JSON makes of it, so that nothing is shared.
func plain(value any) (any, error) {
	if out, ok := copied(value); ok {
		return out, nil
	}
	data, err := json.Marshal(value)
	if err != nil {
		return nil, &queryError{err.Error()}
	}
	var out any
	err = json.Unmarshal(data, &out)
	return out, err
}

// copied is a copy of a value that is what JSON would make of it already, as most
// are: a tenth of what a simulated world costs was to write and read those. It is
// false for anything else.
func copied(value any) (any, bool) {
	switch v := value.(type) {
	case nil, bool:
		return v, true
	case float64:
		return v, !math.IsNaN(v) && !math.IsInf(v, 0)
	case string:
		return v, utf8.ValidString(v)
	case []any:
		if v == nil {
			return nil, true
		}
		out := make([]any, len(v))
		for i, item := range v {
			var ok bool
			if out[i], ok = copied(item); !ok {
				return nil, false
			}
		}
		return out, true
	case map[string]any:
		if v == nil {
			return nil, true
		}
		out := make(map[string]any, len(v))
		for key, item := range v {
			var ok bool
			if out[key], ok = copied(item); !ok || !utf8.ValidString(key) {
				return nil, false
			}
		}
		return out, true
	}
	return nil, false
}
