package main

import (
	"fmt"

	"slices"
)

// One core is GOMAXPROCS=1: the collector and the parsing ahead have no other
// one either. Two is GOMAXPROCS=2 with what helps by default.
const (
	oneCore  = "GOMAXPROCS=1"
	twoCores = "GOMAXPROCS=2"
)

// coresHead and scaling print how a command speeds up from one core to two, and
// what that says of more.
func coresHead() {
	fmt.Println("| work | wall s, one core | two | speed-up | CPU | serial | on 4 | on 8 | at most |")
	fmt.Println("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
}

func scaling(w work, glang string, n int) error {
	args := append(slices.Clone(w.own), w.args...)
	if w.warm || w.store {
		return nil
	}
	var one, two []sample
	for range n {
		a, err := runOnce(glang, args, oneCore)
		if err != nil {
			return err
		}
		b, err := runOnce(glang, args, twoCores)
		if err != nil {
			return err
		}
		one, two = append(one, a), append(two, b)
	}
	m := amdahl(median(one), median(two))
	fmt.Printf("| %s | %.3f | %.3f | **%.2f** | %.2f | %.0f %% | %.1f | %.1f | %.1f |\n",
		w.name, m.wall1, m.wall2, m.wall1/m.wall2, m.overhead, 100*m.serial/m.wall1, m.speedup(4), m.speedup(8), m.speedup(1<<30))
	return nil
}

// model is Amdahl's law with the price of sharing: on two cores or more all the
// work together takes overhead times what it takes on one, and the serial
// part of it keeps one core busy alone. From the times on one core and on two,
//
//	wall2 = serial + (overhead*wall1 - serial) / 2
type model struct{ wall1, wall2, overhead, serial float64 }

func amdahl(one, two sample) model {
	m := model{wall1: one.wall, wall2: two.wall, overhead: two.cpu / one.cpu}
	m.serial = max(0, 2*m.wall2-m.overhead*m.wall1)
	return m
}

// speedup is what the model expects of n cores.
func (m model) speedup(n int) float64 {
	return m.wall1 / (m.serial + (m.overhead*m.wall1-m.serial)/float64(n))
}
