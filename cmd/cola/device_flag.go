package main

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"

	"github.com/gradientlearning/cola/cuda"
	"github.com/gradientlearning/cola/internal/cli"
	"github.com/gradientlearning/cola/linalg"
	"github.com/gradientlearning/cola/protocol"
)

// The names that --device takes, beside cuda:N,M.
const (
	deviceAuto = "auto"
	deviceCPU  = "cpu"
	deviceCUDA = "cuda"
)

// devices are what a verb computes on.
type devices struct {
	list []linalg.Device
	gpus []*cuda.Device // those of list, if they are GPUs
}

// openDevices opens what --device names, and says on what it will be computed and why.
func openDevices(env *cli.Env, name string) (*devices, error) {
	chosen, err := chooseDevices(name, cuda.Discover)
	if err != nil {
		return nil, err
	}
	return chosen.open(env, slog.LevelInfo)
}

// openDevice opens one device for a verb that uses one, of several GPUs the first unless more
// were named, and prints results where nobody wants to hear of it.
func openDevice(env *cli.Env, name string) (*devices, error) {
	chosen, err := chooseDevices(name, cuda.Discover)
	if err != nil {
		return nil, err
	}
	if strings.Contains(name, ",") {
		return nil, protocol.Faultf(protocol.CodeUsage, "name one, as in cuda:0", "--device %s names several GPUs, and this verb uses one", name)
	}
	chosen.ordinals = chosen.ordinals[:min(1, len(chosen.ordinals))]
	return chosen.open(env, slog.LevelDebug)
}

// open opens what was chosen, and tells of it at a level of the log.
func (c choice) open(env *cli.Env, level slog.Level) (*devices, error) {
	d := &devices{}
	for _, n := range c.ordinals {
		gpu, err := cuda.Open(n, cuda.Options{})
		if err != nil && c.why != "" { // nobody insists on it
			c.why, c.broken = errors.Join(err, d.close()).Error(), true
			d = &devices{}
			break
		}
		if err != nil {
			return nil, errors.Join(noDevice("%w", err), d.close())
		}
		d.gpus, d.list = append(d.gpus, gpu), append(d.list, gpu)
	}
	if len(d.list) == 0 {
		d.list = []linalg.Device{linalg.NewCPU()}
	}
	var names []string
	for _, dev := range d.list {
		names = append(names, dev.Name())
	}
	if c.why != "" {
		if c.broken {
			level = slog.LevelWarn
		}
		env.Log.Log(env.Context, level, "computing", "on", strings.Join(names, ", "), "because", c.why)
	}
	return d, nil
}

// close gives the GPUs back.
func (d *devices) close() error {
	var errs []error
	for _, gpu := range d.gpus {
		errs = append(errs, gpu.Close())
	}
	return errors.Join(errs...)
}

// closeDevices is close for a verb that ends with err.
func closeDevices(d *devices, err *error) { *err = errors.Join(*err, d.close()) }

// choice is what --device comes to.
type choice struct {
	ordinals []int  // of the GPUs; none for the CPU
	why      string // it is these; "" where that was said
	broken   bool   // there is a GPU's driver, and yet no GPU can be used
}

// chooseDevices makes of --device what it comes to here.
func chooseDevices(name string, discover func() cuda.Report) (choice, error) {
	if name == "" || name == deviceCPU {
		return choice{}, nil
	}
	report := discover()
	var ordinals []int
	for _, gpu := range report.Devices {
		if gpu.Problem == "" {
			ordinals = append(ordinals, gpu.Ordinal)
		}
	}
	list, some := strings.CutPrefix(name, deviceCUDA+":")
	switch {
	case name == deviceAuto && report.Usable():
		return choice{ordinals: ordinals, why: "there is a GPU, and NVIDIA's libraries"}, nil
	case name == deviceAuto:
		return choice{why: whyNot(report), broken: report.Driver.Path != ""}, nil
	case name != deviceCUDA && !some:
		return choice{}, protocol.Faultf(protocol.CodeUsage, "use auto, cpu, cuda, cuda:N or cuda:N,M", "--device %s", name)
	case !report.Usable():
		return choice{}, noDevice("%s", whyNot(report))
	case !some:
		return choice{ordinals: ordinals}, nil
	}
	var chosen []int
	for _, text := range strings.Split(list, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || slices.Contains(chosen, n) {
			return choice{}, protocol.Faultf(protocol.CodeUsage, "give numbers of GPUs, each once, as cola device lists them", "--device %s", name)
		}
		if !slices.Contains(ordinals, n) {
			return choice{}, noDevice("--device %s: GPU %d is not there, or cannot be used", name, n)
		}
		chosen = append(chosen, n)
	}
	return choice{ordinals: chosen}, nil
}

// whyNot says why no GPU can be used.
func whyNot(r cuda.Report) string {
	for _, c := range []cuda.Component{r.Driver, r.BLAS} {
		if c.Problem != "" {
			return fmt.Sprintf("%s cannot be used: %s", c.Library, c.Problem)
		}
	}
	for _, gpu := range r.Devices {
		if gpu.Problem != "" {
			return fmt.Sprintf("%s %s", gpu.Name, gpu.Problem)
		}
	}
	return "the driver finds no GPU"
}

func noDevice(format string, args ...any) error {
	return protocol.Faultf(protocol.CodeNoDevice, "see cola device for what is missing, or compute with --device cpu", format, args...)
}
