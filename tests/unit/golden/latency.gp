# Latency of single operations: the share that took longer
# Redraw: gnuplot latency.gp
here = ''
if (exists('ARG0')) {
    do for [i = 1:strlen(ARG0)] {
        if (ARG0[i:i] eq '/') { here = ARG0[1:i] }
    }
}
data = here.'latency.dat'
set encoding utf8
set terminal svg name 'latency' size 820,688 dynamic noenhanced background '#ffffff' font 'sans-serif,13'
set output here.'latency.svg'
set border 3 lc rgb '#808080'
set tics nomirror out scale 0.6 textcolor lt -1
set grid lt 1 lw 0.4 lc rgb '#B0B0B0'
set xlabel offset 0,0.4
unset key
set label 'Latency of single operations: the share that took longer' at screen 0.0146, screen 0.9680 left font ',15'
set label 'host' at screen 0.0244, screen 0.9302 left offset 1,-0.2 font ',12' point lc rgb '#808080' pt 7 ps 0.6
set label 'host2' at screen 0.1000, screen 0.9302 left offset 1,-0.2 font ',12' point lc rgb '#808080' pt 6 ps 0.6
set label 'container' at screen 0.1841, screen 0.9302 left offset 1,-0.2 font ',12' point lc rgb '#0072B2' pt 7 ps 0.6
set label 'vm (emulated)' at screen 0.3024, screen 0.9302 left offset 1,-0.2 font ',12' point lc rgb '#D55E00' pt 5 ps 0.6
set multiplot layout 2,1 margins screen 0.14, 0.95, 0.0901, 0.8721 spacing screen 0.1512
set logscale xy
set yrange [1:0.0005]
set ytics ('all' 1, 'p50: half' 0.5, 'p90: 10 %%' 0.1, 'p99: 1 %%' 0.01, 'p99.9: 0.1 %%' 0.001)
set xlabel 'latency of one operation (log scale): shorter is better ←'
set title offset 0,-0.4 'fs.commit'
set xrange [85.7018:4016.74]
set xtics ('100 us' 100, '200 us' 200, '500 us' 500, '1 ms' 1000, '2 ms' 2000)
plot data index 0 using 1:2 with linespoints pointinterval 20 lw 1.5 lc rgb '#808080' pt 7 ps 0.6, \
     data index 1 using 1:2 with linespoints pointinterval 20 lw 1.5 lc rgb '#808080' pt 6 ps 0.6, \
     data index 2 using 1:2 with linespoints pointinterval 20 lw 1.5 lc rgb '#0072B2' pt 7 ps 0.6, \
     data index 3 using 1:2 with linespoints pointinterval 20 lw 1.5 lc rgb '#D55E00' pt 5 ps 0.6
unset label
set title offset 0,-0.4 'net.rr'
set xrange [12.4945:509.133]
set xtics ('20 us' 20, '50 us' 50, '100 us' 100, '200 us' 200, '500 us' 500)
plot data index 4 using 1:2 with linespoints pointinterval 20 lw 1.5 lc rgb '#808080' pt 7 ps 0.6, \
     data index 5 using 1:2 with linespoints pointinterval 20 lw 1.5 lc rgb '#808080' pt 6 ps 0.6, \
     data index 6 using 1:2 with linespoints pointinterval 20 lw 1.5 lc rgb '#0072B2' pt 7 ps 0.6, \
     data index 7 using 1:2 with linespoints pointinterval 20 lw 1.5 lc rgb '#D55E00' pt 5 ps 0.6
unset label
unset multiplot
