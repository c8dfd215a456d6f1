package verify
import ("testing";"context")
func TestZZ(t *testing.T){ for s:=uint64(100);s<130;s++{ r,err:=Run(context.Background(),Config{Seed:s}); if err!=nil{t.Fatal(err)}; m:=map[Check]float64{}; d:=9.0
for _,w:=range r.Rows{ if w.Expect==AtMost && w.Precision==Float32 {m[w.Check]=max(m[w.Check],w.Difference)}; if w.Expect==MoreThan{d=min(d,w.Difference)}; if w.Precision==Float64&&w.Expect==AtMost{m["f64"]=max(m["f64"],w.Difference)}}
t.Log(s,r.Passed,d,m)}}
