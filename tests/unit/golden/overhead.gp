# Cost relative to the host: right of 1 costs more, the grey bands are noise
# Redraw: gnuplot overhead.gp
here = ''
if (exists('ARG0')) {
    do for [i = 1:strlen(ARG0)] {
        if (ARG0[i:i] eq '/') { here = ARG0[1:i] }
    }
}
data = here.'overhead.dat'
set encoding utf8
set terminal svg name 'overhead' size 820,812 dynamic noenhanced background '#ffffff' font 'sans-serif,13'
set output here.'overhead.svg'
set border 3 lc rgb '#808080'
set tics nomirror out scale 0.6 textcolor lt -1
set grid lt 1 lw 0.4 lc rgb '#B0B0B0'
set xlabel offset 0,0.4
unset key
set label 'Cost relative to the host: right of 1 costs more, the grey bands are noise' at screen 0.0146, screen 0.9729 left font ',15'
set label 'container' at screen 0.0244, screen 0.9409 left offset 1,-0.2 font ',12' point lc rgb '#0072B2' pt 7 ps 0.6
set label 'vm (emulated)' at screen 0.1427, screen 0.9409 left offset 1,-0.2 font ',12' point lc rgb '#D55E00' pt 5 ps 0.6
set ytics ('ctl.syscall.time' 2, 'ctl.switch.time' 3, 'ctl.spin.time' 4, 'mem.stream.rate copy' 6, 'mem.stream.rate scale' 7, 'mem.stream.rate add' 8, 'mem.stream.rate triad' 9, 'mem.chase.latency 16K' 10, 'mem.chase.latency 256K' 11, 'mem.chase.latency 4M' 12, 'mem.chase.latency 256M' 13, 'mem.fault.time' 14, 'fs.seq.rate read' 16, 'fs.seq.rate write' 17, 'fs.rand.iops read depth=1' 18, 'fs.rand.iops read depth=32' 19, 'fs.rand.iops write depth=1' 20, 'fs.rand.iops write depth=32' 21, 'fs.commit.p50' 22, 'fs.commit.p99' 23, 'fs.meta.time create' 24, 'fs.meta.time stat' 25, 'fs.meta.time unlink' 26, 'net.stream.rate up' 28, 'net.stream.rate down' 29, 'net.rr.p50' 30, 'net.rr.p99' 31, 'net.crr.time' 32, 'start.total.time' 34) font 'sans-serif,12'
set label 'Control path' at screen 0.015, first 1 left font ',13'
set label 'Memory' at screen 0.015, first 5 left font ',13'
set label 'Filesystem' at screen 0.015, first 15 left font ',13'
set label 'Network' at screen 0.015, first 27 left font ',13'
set label 'Start' at screen 0.015, first 33 left font ',13'
set logscale x
set yrange [34.8:0.2]
set arrow from 1, graph 0 to 1, graph 1 nohead lw 1.2 lc rgb '#808080' back
set tmargin at screen 0.9163
set bmargin at screen 0.0788
set lmargin at screen 0.2744
set rmargin at screen 0.6200
set multiplot
set xrange [0.8:1.25]
set xtics (0.8, 0.9, 0.95, 1, 1.05, 1.1, 1.2)
set xlabel 'cost ratio near 1 (log scale)'
plot data index 0 using (1):1:2:3:($1-0.45):($1+0.45) with boxxyerror fs solid 0.35 noborder lc rgb '#808080', \
     data index 1 using 2:1:3:4 with xerrorbars lw 1.5 lc rgb '#0072B2' pt 7 ps 0.6, \
     data index 1 using ($2 > 1.25 ? 1.25 : $2 < 0.8 ? 0.8 : NaN):1:($2 > 1 ? '▶' : '◀') with labels center font ',9' tc rgb '#0072B2', \
     data index 2 using 2:1:3:4 with xerrorbars lw 1.5 lc rgb '#D55E00' pt 5 ps 0.6, \
     data index 2 using ($2 > 1.25 ? 1.25 : $2 < 0.8 ? 0.8 : NaN):1:($2 > 1 ? '▶' : '◀') with labels center font ',9' tc rgb '#D55E00'
unset label
set ytics 0,1 format ''
set lmargin at screen 0.6500
set rmargin at screen 0.98
set xrange [0.9:1349.39]
set xtics ('1' 1, '3' 3, '10' 10, '30' 30, '100' 100, '300' 300, '1000' 1000)
set xlabel 'cost ratio (log scale): costs more →'
plot data index 0 using (1):1:2:3:($1-0.45):($1+0.45) with boxxyerror fs solid 0.35 noborder lc rgb '#808080', \
     data index 1 using 2:1:3:4 with xerrorbars lw 1.5 lc rgb '#0072B2' pt 7 ps 0.6, \
     data index 2 using 2:1:3:4 with xerrorbars lw 1.5 lc rgb '#D55E00' pt 5 ps 0.6
unset multiplot
